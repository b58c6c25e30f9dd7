"""Our FLAME against the `smplx` package on fabricated files of the real shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pear_core.body.flame import FlameHead, face_pose


def test_parity_with_the_smplx_package(body_folder: Path) -> None:
    smplx = pytest.importorskip("smplx")
    theirs = smplx.FLAME(
        str(body_folder), num_betas=300, num_expression_coeffs=100, batch_size=2, ext="pkl"
    )
    rng = np.random.default_rng(0)
    pose = torch.tensor(rng.normal(0, 0.4, (2, 5, 3)), dtype=torch.float32)
    shape = torch.tensor(rng.normal(0, 1, (2, 300)), dtype=torch.float32)
    expression = torch.tensor(rng.normal(0, 1, (2, 100)), dtype=torch.float32)
    with torch.no_grad():
        expected = theirs(
            betas=shape,
            expression=expression,
            global_orient=pose[:, 0],
            neck_pose=pose[:, 1],
            jaw_pose=pose[:, 2],
            leye_pose=pose[:, 3],
            reye_pose=pose[:, 4],
        )
        matrices = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix()
        rotations = torch.tensor(matrices, dtype=torch.float32).reshape(2, 5, 3, 3)
        actual = FlameHead.from_file(body_folder / "FLAME.npz")(rotations, shape, expression)
    assert (actual.vertices - expected.vertices).abs().max() < 1e-5
    assert (actual.joints - expected.joints[:, :5]).abs().max() < 1e-5


def test_face_pose_order() -> None:
    jaw, eyes = torch.tensor([[0.3, 0.0, 0.0]]), torch.tensor([[0.0, 0.1, 0.0, 0.0, 0.0, -0.2]])
    pose = face_pose(jaw, eyes)[0].numpy()
    expected = [(0, 0, 0), (0, 0, 0), (0.3, 0, 0), (0, 0.1, 0), (0, 0, -0.2)]
    np.testing.assert_allclose(pose, Rotation.from_rotvec(expected).as_matrix(), atol=1e-7)
