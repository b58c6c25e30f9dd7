"""The whole way from a picture to points, against a slow derivation in numpy float64.

The derivation is `specification.py`. The body files are made up: real sizes with a few non-zero
columns, or tiny ones that are full.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from independent import specification as SLOW
from pear_core.body.ehm import Ehm, ScaleAbout
from pear_core.body.files import BodyAssets, FlameFile, SmplxFile
from pear_core.body.joint_maps import dwpose_points
from pear_core.body.parameters import BodyParameters, decode
from pear_core.geometry.cameras import crop_to_full, project_crop
from pear_core.geometry.rotations import matrix_from_6d
from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor

Array = NDArray[np.float64]


@contextmanager
def float64_models() -> Iterator[None]:
    """Models built inside hold the files' constants to the last digit."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True)
class Sizes:
    """Vertices, FLAME vertices, faces, mask regions, and how many columns of a basis are used."""

    body: int
    head: int
    faces: int
    neck: int
    boundary: int
    shared: int
    used: int | None


REAL = Sizes(10475, 5023, 20908, 253, 114, 52, used=3)
TINY = Sizes(80, 36, 120, 7, 5, 2, used=None)


def basis(rng: np.random.Generator, count: int, columns: int, used: int | None) -> Array:
    """[count, 3, columns] with all columns, or the first, the last and some others non-zero."""
    out = np.zeros((count, 3, columns))
    chosen = np.arange(columns)
    if used is not None:
        middle = rng.choice(np.arange(1, columns - 1), used - 2, replace=False)
        chosen = np.concatenate(([0, columns - 1], middle))
    out[..., chosen] = rng.normal(0, 5e-3, (count, 3, len(chosen)))
    return out


def few_weights(rng: np.random.Generator, rows: int, columns: int, few: int) -> Array:
    out = np.zeros((rows, columns))
    for row in out:
        row[rng.choice(columns, few, replace=False)] = rng.dirichlet(np.ones(few))
    return out


def made_up(sizes: Sizes, seed: int = 0) -> BodyAssets:
    rng = np.random.default_rng(seed)
    n, h = sizes.body, sizes.head

    def model(count: int, joints: int, shape: int, expression: int) -> dict[str, NDArray]:
        return {
            "v_template": rng.normal(0, 0.3, (count, 3)),
            "faces": rng.integers(0, count, (sizes.faces, 3)),
            # Columns beyond what the network predicts exist in the files and stay unused.
            "shapedirs": basis(rng, count, shape, sizes.used),
            "exprdirs": basis(rng, count, expression, sizes.used),
            "posedirs": basis(rng, count, 9 * (joints - 1), sizes.used),
            "joint_regressor": few_weights(rng, joints, count, 12),
            "weights": few_weights(rng, count, joints, 4),
        }

    landmarks = {
        "static_faces": rng.integers(0, sizes.faces, 51),
        "static_bary": rng.dirichlet(np.ones(3), 51),
        "contour_faces": rng.integers(0, sizes.faces, (79, 17)),
        "contour_bary": rng.dirichlet(np.ones(3), (79, 17)),
    }
    seam = rng.permutation(h)[: sizes.neck + sizes.boundary - sizes.shared]
    neck, boundary = seam[: sizes.neck], seam[sizes.neck - sizes.shared :]
    return BodyAssets(
        folder=Path("made_up"),
        smplx=SmplxFile(**model(n, 55, 210, 60), **landmarks),  # type: ignore[arg-type]
        flame=FlameFile(**model(h, 5, 300, 60)),  # type: ignore[arg-type]
        vertex_ids=np.sort(rng.choice(n, h, replace=False)),
        masks={"neck": neck, "boundary": boundary},
        kept=np.union1d(neck, boundary),
        eyelids=rng.normal(0, 5e-3, (2, h, 3)),
        surface_triangles=rng.integers(0, n, (22, 3)),
        surface_bary=rng.dirichlet(np.ones(3), 22),
        j14=few_weights(rng, 14, n, 9),
    )


def person(
    seed: int, head_scale: tuple[float, float, float] = (1.1, 0.9, 1.05)
) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(rng.normal(0, 0.4, (52, 3))).as_matrix()
    turns[0] = Rotation.from_rotvec([np.pi - 0.1, 0.05, 0.1]).as_matrix()
    widths = {
        "betas": 200, "expression": 50, "hand_scale": 3, "eye_pose": 6, "jaw_pose": 3,
        "eyelids": 2, "flame_shape": 300, "flame_expression": 50,
    }  # fmt: skip
    values = {name: rng.normal(0, 0.5, width) for name, width in widths.items()}
    return values | {"rotations": turns, "head_scale": np.array(head_scale)}


def batch(people: list[dict[str, Array]], dtype: torch.dtype) -> BodyParameters:
    return BodyParameters(
        **{k: torch.tensor(np.stack([p[k] for p in people]), dtype=dtype) for k in people[0]}
    )


@pytest.fixture(scope="module")
def tiny() -> BodyAssets:
    return made_up(TINY)


@pytest.fixture(scope="module")
def real() -> BodyAssets:
    return made_up(REAL)


@pytest.mark.parametrize("scale_about", ["origin", "eyes"])
def test_ehm_of_full_bases_is_the_specification(tiny: BodyAssets, scale_about: ScaleAbout) -> None:
    people = [person(seed) for seed in (1, 2, 3)]
    with float64_models():
        output = Ehm(tiny, scale_about)(batch(people, torch.float64))
    for i, p in enumerate(people):
        vertices, joints = SLOW.ehm(tiny, p, scale_about)
        np.testing.assert_allclose(output.vertices[i].numpy(), vertices, atol=1e-12)
        np.testing.assert_allclose(output.joints[i].numpy(), joints, atol=1e-12)


def test_ehm_of_real_size_is_the_specification_in_both_precisions(real: BodyAssets) -> None:
    """4708 vertices of FLAME and 315 kept ones, 145 joints; float32 within 1e-5 of the size."""
    p = person(4)
    assert len(real.vertex_ids) - len(real.kept) == 4708 and len(real.kept) == 315
    vertices, joints = SLOW.ehm(real, p, "origin")
    with float64_models():
        model = Ehm(real, "origin")
    exact = model(batch([p], torch.float64))
    assert exact.vertices.shape == (1, 10475, 3) and exact.joints.shape == (1, 145, 3)
    np.testing.assert_allclose(exact.vertices[0].numpy(), vertices, atol=1e-12)
    np.testing.assert_allclose(exact.joints[0].numpy(), joints, atol=1e-12)
    single = model.float()(batch([p], torch.float32))
    agree(single.vertices[0], vertices)
    agree(single.joints[0], joints)


def test_only_the_4708_follow_the_flame_head(real: BodyAssets) -> None:
    """Another FLAME shape moves 4708 vertices; those kept and the body stay where they are.

    Joints are taken from the replaced template, so the regressor here does not touch the head.
    """
    regressor = real.smplx.joint_regressor.copy()
    regressor[:, np.delete(real.vertex_ids, real.kept)] = 0
    still = replace(real, smplx=replace(real.smplx, joint_regressor=regressor))
    first, second = person(5), person(5)
    second["flame_shape"] = first["flame_shape"] + 3.0
    output = Ehm(still, "origin")(batch([first, second], torch.float32)).vertices
    moved = np.flatnonzero((output[0] - output[1]).abs().amax(dim=-1).numpy() > 1e-7)
    stays = np.union1d(real.masks["neck"], real.masks["boundary"])
    assert np.array_equal(moved, np.delete(real.vertex_ids, stays)) and len(moved) == 4708


def agree(single: Tensor, exact: Array, relative: float = 1e-5) -> None:
    """float32 within 1e-5 of the size of what is computed."""
    assert single.dtype == torch.float32
    assert np.abs(single.detach().numpy() - exact).max() < relative * np.abs(exact).max()


@pytest.fixture(scope="module")
def network() -> Regressor:
    config = preset(
        "vit_ti", depth=1, dim=24, heads=3, stem="patch", start="published", decoder_depth=1,
        decoder_dim=20, decoder_heads=2, decoder_head_dim=6, decoder_mlp=28,
    )  # fmt: skip
    with float64_models():
        model = Regressor(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if not name.startswith("heads."):
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
            elif name.endswith("weight"):
                # Heads keep their published biases: zero, and (0, 0, 1.5) of the camera.
                value.copy_(0.02 * torch.randn(value.shape, generator=generator))
    return model


@torch.no_grad()
def test_picture_to_points_is_the_specification_at_every_stage(
    network: Regressor, tiny: BodyAssets
) -> None:
    """One picture through network, decoding, body, projection, 134 points and full camera.

    Each stage in float64 equals the derivation, and in float32 lies within 1e-5 of it.
    """
    square = np.random.default_rng(0).random((3, 256, 256))
    weights = {name: value.numpy() for name, value in network.named_parameters()}
    raw = SLOW.network(square, weights, heads=3, decoder_heads=2)
    assert np.abs(raw).max() > 0.1 and 0.5 < raw[934] < 2.5
    parts, camera = SLOW.decode(raw)
    vertices, joints = SLOW.ehm(tiny, parts, "origin")
    uv = SLOW.projection(joints, camera)
    crop, focal, size = np.array([420.0, 250.0, 300.0]), 900.0, (640, 480)
    expected = (raw, parts["rotations"], vertices, joints, uv, SLOW.dwpose(uv))
    expected += (SLOW.full(camera, crop, focal, size),)

    with float64_models():
        body = Ehm(tiny, "origin")

    def stages(dtype: torch.dtype) -> list[Tensor]:
        """Every stage from the derivation's own input, so that errors do not add up."""

        def given(values: Array) -> Tensor:
            return torch.tensor(values, dtype=dtype)[None]

        first = network.to(dtype).forward_square(given(square))
        rotations = matrix_from_6d(given(raw[:312]).reshape(1, 52, 6))
        decoded, cam = decode(given(raw))
        output = body.to(dtype)(decoded)
        projected = project_crop(given(joints), cam)
        centre = torch.tensor([320.0, 240.0], dtype=dtype)
        transl = crop_to_full(cam, given(crop), torch.tensor([focal], dtype=dtype), centre)
        points = dwpose_points(given(uv))
        return [first, rotations, output.vertices, output.joints, projected, points, transl]

    for found, truth in zip(stages(torch.float64), expected, strict=True):
        assert found.shape[1:] == truth.shape
        np.testing.assert_allclose(found[0].numpy(), truth, atol=1e-11, rtol=1e-9)
    for found, truth in zip(stages(torch.float32), expected, strict=True):
        agree(found[0], truth)


@torch.no_grad()
def test_whole_chain_in_float32_stays_within_1e5(tiny: BodyAssets) -> None:
    """From the 935 numbers to projected points without a float64 step in between."""
    raw = torch.randn(4, 935, dtype=torch.float64, generator=torch.manual_seed(3)) * 0.3
    raw[:, 315:318] += 1
    raw[:, 934] = 0.9
    with float64_models():
        body = Ehm(tiny, "eyes")

    def points(values: Tensor) -> tuple[Tensor, Tensor]:
        parameters, camera = decode(values)
        joints = body.to(values.dtype)(parameters).joints
        return joints, dwpose_points(project_crop(joints, camera))

    exact, single = points(raw), points(raw.float())
    for a, b in zip(single, exact, strict=True):
        agree(a, b.numpy())
