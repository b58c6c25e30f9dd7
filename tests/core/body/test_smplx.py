"""Our SMPL-X against the `smplx` package on fabricated files of the real shapes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pear_core.body.files import load_smplx
from pear_core.body.smplx import SmplxBody, full_pose

PEOPLE = 2


@pytest.fixture(scope="module")
def body(body_folder: Path) -> SmplxBody:
    return SmplxBody.from_file(body_folder / "SMPLX_NEUTRAL.npz")


@pytest.mark.parametrize(("betas", "expressions"), [(300, 100), (10, 10), (200, 50)])
def test_parity_with_the_smplx_package(
    body_folder: Path, body: SmplxBody, betas: int, expressions: int
) -> None:
    smplx = pytest.importorskip("smplx")
    theirs = smplx.create(
        str(body_folder / "SMPLX_NEUTRAL.npz"), model_type="smplx", ext="npz", use_pca=False,
        flat_hand_mean=True, num_betas=betas, num_expression_coeffs=expressions, batch_size=PEOPLE,
    )  # fmt: skip
    rng = np.random.default_rng(betas)
    pose = torch.tensor(rng.normal(0, 0.5, (PEOPLE, 55, 3)), dtype=torch.float32)
    shape = torch.tensor(rng.normal(0, 1, (PEOPLE, betas)), dtype=torch.float32)
    expression = torch.tensor(rng.normal(0, 1, (PEOPLE, expressions)), dtype=torch.float32)
    with torch.no_grad():
        expected = theirs(
            betas=shape,
            expression=expression,
            global_orient=pose[:, 0],
            body_pose=pose[:, 1:22].flatten(1),
            jaw_pose=pose[:, 22],
            leye_pose=pose[:, 23],
            reye_pose=pose[:, 24],
            left_hand_pose=pose[:, 25:40].flatten(1),
            right_hand_pose=pose[:, 40:].flatten(1),
        )
        matrices = Rotation.from_rotvec(pose.reshape(-1, 3).numpy()).as_matrix()
        rotations = torch.tensor(matrices, dtype=torch.float32).reshape(PEOPLE, 55, 3, 3)
        actual = body(rotations, shape, expression)
    assert (actual.vertices - expected.vertices).abs().max() < 1e-5
    assert (actual.joints - expected.joints[:, :55]).abs().max() < 1e-5


def test_fewer_vertices_same_joints(body: SmplxBody, body_folder: Path) -> None:
    ids = np.array([10474, 3, 77])
    part = SmplxBody(load_smplx(body_folder / "SMPLX_NEUTRAL.npz"), ids)
    rotations = full_pose(torch.eye(3).repeat(1, 52, 1, 1))
    betas, expression = torch.randn(1, 10), torch.randn(1, 5)
    whole, few = body(rotations, betas, expression), part(rotations, betas, expression)
    torch.testing.assert_close(few.vertices, whole.vertices[:, ids])
    torch.testing.assert_close(few.joints, whole.joints)


def test_file_of_ten_betas_splits_at_ten(fabricated: ModuleType, tmp_path: Path) -> None:
    arrays = fabricated.smplx_arrays(np.random.default_rng(5), vertices=60, faces=100, columns=20)
    np.savez(tmp_path / "old.npz", **arrays)
    model = SmplxBody.from_file(tmp_path / "old.npz")
    betas, expression = torch.zeros(1, 10), torch.zeros(1, 10)
    betas[0, 9], expression[0, 0] = 2.0, 3.0
    shaped = model.shaped(betas, expression)[0].numpy()
    expected = arrays["v_template"] + 2 * arrays["shapedirs"][..., 9]
    np.testing.assert_allclose(shaped, expected + 3 * arrays["shapedirs"][..., 10], atol=1e-6)
    with pytest.raises(ValueError, match="at most 10 coefficients, found 200"):
        model(torch.eye(3).repeat(1, 55, 1, 1), torch.zeros(1, 200), expression)


def test_full_pose_puts_hands_behind_the_face(fabricated: ModuleType) -> None:
    rotations = torch.tensor(fabricated.random_rotations(np.random.default_rng(1), 2, 52))
    pose = full_pose(rotations)
    assert torch.equal(pose[:, :22], rotations[:, :22])
    assert torch.equal(pose[:, 22:25], torch.eye(3).double().expand(2, 3, 3, 3))
    assert torch.equal(pose[:, 25:40], rotations[:, 22:37])
    assert torch.equal(pose[:, 40:55], rotations[:, 37:52])
