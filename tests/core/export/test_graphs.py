"""The body graph against formulas written out in numpy, and against the full mesh."""

from typing import Any

import numpy as np
import pytest
import torch

from pear_core import layout
from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode
from pear_core.export.graphs import MESH_INPUTS, BodyGraph, MeshGraph, Network
from pear_core.model import checkpoint


@pytest.fixture(scope="module")
def ehm(tiny_model: Any) -> Ehm:
    return Ehm.from_folder(tiny_model.body)


@pytest.fixture(scope="module")
def raw() -> torch.Tensor:
    raw = 0.3 * torch.randn(4, layout.WIDTH, generator=torch.Generator().manual_seed(0))
    raw[:, layout.FIELDS["head_scale"].slice] += 1.0
    raw[:, layout.FIELDS["camera"].slice] = torch.tensor([[0.1, -0.2, 0.9]]) * (
        1 + 0.1 * raw[:, :3]
    )
    return raw


@torch.no_grad()
def test_rotations_are_gram_schmidt_columns(ehm: Ehm, raw: torch.Tensor) -> None:
    rotations = BodyGraph(ehm)(raw)[0].double().numpy()
    sixd = raw[:, :312].reshape(4, 52, 2, 3).double().numpy()
    # QR gives the same basis up to signs; the signs follow from the inputs.
    q, r = np.linalg.qr(sixd.swapaxes(-1, -2))
    first_two = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    expected = np.concatenate(
        [first_two, np.cross(first_two[..., 0], first_two[..., 1])[..., None]], -1
    )
    np.testing.assert_allclose(rotations, expected, atol=2e-4)
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-5)


@torch.no_grad()
def test_keypoints_are_the_published_projection(ehm: Ehm, raw: torch.Tensor) -> None:
    _, joints, keypoints, camera = (v.double().numpy() for v in BodyGraph(ehm)(raw))
    np.testing.assert_array_equal(camera.astype(np.float32), raw[:, 932:].numpy())
    # Facts 4: u = 0.5 + 12 (X - tx) / (Z + 24 / s).
    tx, ty, s = camera.T[:, :, None]
    depth = joints[..., 2] + 24 / s
    np.testing.assert_allclose(
        keypoints[..., 0], 0.5 + 12 * (joints[..., 0] - tx) / depth, atol=1e-6
    )
    np.testing.assert_allclose(
        keypoints[..., 1], 0.5 + 12 * (joints[..., 1] - ty) / depth, atol=1e-6
    )


@torch.no_grad()
def test_joints_of_the_restricted_body_are_those_of_the_whole(ehm: Ehm, raw: torch.Tensor) -> None:
    graph = BodyGraph(ehm)
    joints = graph(raw)[1]
    torch.testing.assert_close(joints, ehm(decode(raw)[0]).joints, atol=1e-5, rtol=0)
    assert sum(b.numel() for b in graph.buffers()) <= sum(b.numel() for b in ehm.buffers())


@torch.no_grad()
def test_mesh_graph_is_the_body_model(ehm: Ehm, raw: torch.Tensor) -> None:
    parameters = decode(raw)[0]
    vertices = MeshGraph(ehm)(*(getattr(parameters, name) for name in MESH_INPUTS))
    assert torch.equal(vertices, ehm(parameters).vertices)


@torch.no_grad()
def test_network_graph_is_the_regressor(tiny_model: Any) -> None:
    model, _ = checkpoint.load(tiny_model.checkpoint)
    crops = torch.rand(2, 3, 256, 192)
    assert torch.equal(Network(model)(crops), model(crops))
