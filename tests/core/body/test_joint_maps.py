"""Maps to the points of other conventions against tables by name, plain loops and hand values."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.transform import Rotation

from pear_core.anatomy import HMR2_KEYPOINT_NAMES, LSP_NAMES
from pear_core.body import joint_maps
from pear_core.body.joint_maps import JointRegressor, MeshTransfer

SMPL, SMPLX = 6890, 10475

TRAINING = {
    "nose": "point 332", "neck": "joint 12", "right_shoulder": "j19 8", "right_elbow": "joint 19",
    "right_wrist": "joint 21", "left_shoulder": "j19 9", "left_elbow": "joint 18",
    "left_wrist": "joint 20", "mid_hip": "j19 14", "right_hip": "j19 2", "right_knee": "j19 1",
    "right_ankle": "joint 8", "left_hip": "j19 3", "left_knee": "joint 4", "left_ankle": "joint 7",
    "right_eye": "point 6260", "left_eye": "point 2800", "right_ear": "point 4071",
    "left_ear": "point 583", "left_big_toe": "point 3216", "left_small_toe": "point 3226",
    "left_heel": "point 3387", "right_big_toe": "point 6617", "right_small_toe": "point 6624",
    "right_heel": "point 6787",
    "right_ankle_lsp": "joint 8", "right_knee_lsp": "j19 1", "right_hip_lsp": "j19 2",
    "left_hip_lsp": "j19 3", "left_knee_lsp": "joint 4", "left_ankle_lsp": "joint 7",
    "right_wrist_lsp": "j19 6", "right_elbow_lsp": "j19 7", "right_shoulder_lsp": "j19 8",
    "left_shoulder_lsp": "j19 9", "left_elbow_lsp": "j19 10", "left_wrist_lsp": "j19 11",
    "neck_lsp": "j19 12", "head_top_lsp": "j19 13", "pelvis_mpii": "j19 14",
    "thorax_mpii": "j19 15", "spine_h36m": "j19 16", "jaw_h36m": "j19 17", "head_h36m": "j19 18",
}  # fmt: skip
"""Facts 5.7, worked out by hand: which regressor's row is behind each of the 44."""
COCO = TRAINING | {
    "right_shoulder": "joint 17", "left_shoulder": "joint 16", "mid_hip": "joint 0",
    "right_hip": "joint 2", "right_knee": "joint 5", "left_hip": "joint 1",
    "right_knee_lsp": "joint 5", "right_hip_lsp": "extra 0", "left_hip_lsp": "extra 1",
    "right_wrist_lsp": "joint 21", "right_elbow_lsp": "joint 19", "right_shoulder_lsp": "joint 17",
    "left_shoulder_lsp": "joint 16", "left_elbow_lsp": "joint 18", "left_wrist_lsp": "joint 20",
    "neck_lsp": "extra 2", "head_top_lsp": "extra 3", "pelvis_mpii": "extra 4",
    "thorax_mpii": "extra 5", "spine_h36m": "extra 6", "jaw_h36m": "extra 7",
    "head_h36m": "extra 8",
}  # fmt: skip


@pytest.fixture(scope="module")
def regressors(fabricated: ModuleType) -> dict[str, NDArray]:
    rng = np.random.default_rng(0)
    rows = {"joint": 24, "j19": 19, "extra": 9, "h36m": 17}
    return {name: fabricated.regressor(rng, count, SMPL) for name, count in rows.items()}


@pytest.fixture(scope="module")
def smplx2smpl() -> sparse.csr_array:
    """Rows of one to three vertices, weights summing to one, as the published matrix has."""
    rng = np.random.default_rng(1)
    rows, columns, values = [], [], []
    for row in range(SMPL):
        count = 1 + row % 3
        rows += [row] * count
        columns += rng.choice(SMPLX, count, replace=False).tolist()
        values += rng.dirichlet(np.ones(count)).tolist()
    return sparse.csr_array((values, (rows, columns)), shape=(SMPL, SMPLX))


@pytest.fixture(scope="module")
def smpl() -> torch.Tensor:
    return torch.randn(2, SMPL, 3, dtype=torch.float64, generator=torch.manual_seed(0))


@pytest.mark.parametrize(("table", "other"), [(TRAINING, "j19"), (COCO, "extra")])
def test_44_key_points_by_name(
    table: dict[str, str], other: str, regressors: dict[str, NDArray], smpl: torch.Tensor
) -> None:
    build = {"j19": joint_maps.hmr2_regressor, "extra": joint_maps.hmr2_coco_regressor}[other]
    matrix = build(regressors["joint"], regressors[other])
    assert matrix.shape == (44, SMPL)
    points = JointRegressor(matrix).double()(smpl).numpy()
    for i, name in enumerate(HMR2_KEYPOINT_NAMES):
        kind, number = table[name].split()
        vertices = smpl.numpy()
        expected = (
            vertices[:, int(number)]
            if kind == "point"
            else np.einsum("v,bvx->bx", regressors[kind][int(number)], vertices)
        )
        np.testing.assert_allclose(points[:, i], expected, atol=1e-6, err_msg=name)


def test_chain_from_smplx_is_one_matrix(
    regressors: dict[str, NDArray], smplx2smpl: sparse.csr_array
) -> None:
    mesh = torch.randn(2, SMPLX, 3, dtype=torch.float64, generator=torch.manual_seed(1))
    matrix = joint_maps.hmr2_regressor(regressors["joint"], regressors["j19"])
    chain = joint_maps.composed(matrix, smplx2smpl)
    whole = JointRegressor(chain).double()
    # Step by step, dense and in loops over the rows of the published matrix.
    smpl = np.zeros((2, SMPL, 3))
    for row in range(SMPL):
        part = slice(smplx2smpl.indptr[row], smplx2smpl.indptr[row + 1])
        for column, weight in zip(smplx2smpl.indices[part], smplx2smpl.data[part], strict=True):
            smpl[:, row] += weight * mesh[:, column].numpy()
    np.testing.assert_allclose(MeshTransfer(smplx2smpl).double()(mesh).numpy(), smpl, atol=1e-6)
    expected = np.einsum("jv,bvx->bjx", matrix.toarray(), smpl)
    np.testing.assert_allclose(whole(mesh).numpy(), expected, atol=1e-6)
    # Only vertices that some key point weighs are read.
    assert len(whole.support) < 44 * 20 * 3


def test_h36m_and_the_14_of_3dpw(regressors: dict[str, NDArray], smpl: torch.Tensor) -> None:
    joints = JointRegressor(regressors["h36m"]).double()(smpl)
    assert joints.shape == (2, 17, 3)
    expected = np.einsum("jv,bvx->bjx", regressors["h36m"], smpl.numpy())
    np.testing.assert_allclose(joints.numpy(), expected, atol=1e-6)
    # Facts 9.3, in the order right leg up, left leg down, right arm up, left arm down, neck, head.
    order = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
    lsp = joint_maps.lsp_from_h36m(joints)
    assert torch.equal(lsp, joints[:, order]) and len(LSP_NAMES) == 14


def test_j14_of_a_mesh(fabricated: ModuleType) -> None:
    matrix = fabricated.regressor(np.random.default_rng(3), 14, 200)
    mesh = torch.randn(3, 200, 3, generator=torch.manual_seed(2))
    expected = np.einsum("jv,bvx->bjx", matrix.astype(float), mesh.numpy())
    np.testing.assert_allclose(JointRegressor(matrix)(mesh).numpy(), expected, atol=1e-6)


def test_134_points_by_hand() -> None:
    joints = torch.arange(145.0)[:, None] * torch.tensor([1.0, 10.0, 100.0])
    points = joint_maps.dwpose_points(torch.stack((joints, joints + 1)))
    assert points.shape == (2, 134, 3)
    # Right shoulder 17, left shoulder 16: their middle in x and y, the neck's own z (joint 12).
    assert points[0, 1].tolist() == [16.5, 165.0, 1200.0]
    assert points[1, 1].tolist() == [17.5, 166.0, 1201.0]
    first = {0: 68, 2: 17, 8: 2, 14: 24, 16: 107, 17: 122, 18: 124, 20: 127, 23: 138, 24: 106}
    first |= {40: 122, 41: 55, 91: 105, 92: 20, 93: 37, 96: 133, 112: 130, 113: 21, 117: 144}
    for point, joint in (first | {133: 141}).items():
        assert points[0, point].tolist() == joints[joint].tolist()
    flat = joint_maps.dwpose_points(joints[:, :2])
    assert torch.equal(flat, points[0, :, :2])


def test_neck_is_the_midpoint_in_the_picture_not_in_space() -> None:
    joints = torch.zeros(145, 3)
    joints[17], joints[16] = torch.tensor([-1.0, 0, 1.0]), torch.tensor([1.0, 0, 3.0])
    projected = joints[:, :2] / joints[:, 2:].clamp(min=1)
    in_picture = joint_maps.dwpose_points(projected)[1]
    torch.testing.assert_close(in_picture, torch.tensor([(-1 + 1 / 3) / 2, 0.0]))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(-3, 3))
def test_key_points_move_with_the_body(
    regressors: dict[str, NDArray], seed: int, angle: float
) -> None:
    """Rows sum to one, so points of a turned and moved mesh are the turned and moved points."""
    matrix = joint_maps.hmr2_coco_regressor(regressors["joint"], regressors["extra"])
    regress = JointRegressor(matrix).double()
    generator = torch.Generator().manual_seed(seed)
    mesh = torch.randn(1, SMPL, 3, dtype=torch.float64, generator=generator)
    turn = torch.tensor(Rotation.from_rotvec([0, angle, 0.3 * angle]).as_matrix())
    move = torch.tensor([0.5, -2.0, 7.0]).double()
    moved = regress(mesh @ turn.T + move)
    torch.testing.assert_close(moved, regress(mesh) @ turn.T + move, atol=1e-5, rtol=0)


def test_gradients_are_the_matrices() -> None:
    rng = np.random.default_rng(4)
    dense = np.where(rng.random((5, 12)) < 0.2, rng.random((5, 12)), 0.0)
    dense[3] = 0.0
    for maker in (JointRegressor, MeshTransfer):
        model = maker(sparse.csr_array(dense)).double()
        mesh = torch.randn(2, 12, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(model, [mesh])
        jacobian = torch.autograd.functional.jacobian(model, mesh[:1])[0, :, 0, 0, :, 0]
        np.testing.assert_allclose(jacobian.numpy(), dense, atol=1e-7)
        assert not model(mesh)[:, 3].any()
    joints = torch.randn(2, 145, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(joint_maps.dwpose_points, [joints], fast_mode=True)


def test_nobody_and_both_precisions(
    smplx2smpl: sparse.csr_array, regressors: dict[str, NDArray]
) -> None:
    transfer = MeshTransfer(smplx2smpl)
    assert transfer(torch.zeros(0, SMPLX, 3)).shape == (0, SMPL, 3)
    assert joint_maps.dwpose_points(torch.zeros(0, 145, 3)).shape == (0, 134, 3)
    # Built under float64 the weights are the file's own; float32 agrees to its rounding.
    mesh = torch.randn(1, SMPLX, 3, dtype=torch.float64, generator=torch.manual_seed(5))
    chain = joint_maps.composed(
        joint_maps.hmr2_coco_regressor(regressors["joint"], regressors["extra"]), smplx2smpl
    )
    torch.set_default_dtype(torch.float64)
    try:
        exact, exact_points = MeshTransfer(smplx2smpl), JointRegressor(chain)
    finally:
        torch.set_default_dtype(torch.float32)
    assert exact.weights.sum(dim=1).sub(1).abs().max() < 1e-15
    difference = (exact(mesh) - transfer(mesh.float())).abs().max()
    assert difference < 1e-6 * mesh.abs().max()
    points = exact_points(mesh)
    difference = (points - JointRegressor(chain)(mesh.float())).abs().max()
    assert difference < 1e-6 * points.abs().max()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: joint_maps.hmr2_regressor(np.zeros((23, SMPL)), np.zeros((19, SMPL))),
            r"SMPL J_regressor: expected shape \(24, 6890\), found \(23, 6890\)",
        ),
        (
            lambda: joint_maps.hmr2_regressor(np.zeros((24, SMPL)), np.zeros((9, SMPL))),
            r"SMPL_to_J19: expected shape \(19, 6890\), found \(9, 6890\)",
        ),
        (
            lambda: joint_maps.hmr2_coco_regressor(np.zeros((24, SMPL)), np.zeros((9, 10))),
            r"J_regressor_extra: expected shape \(9, 6890\), found \(9, 10\)",
        ),
        (
            lambda: joint_maps.composed(np.zeros((17, SMPL)), sparse.csr_array((SMPLX, SMPL))),
            r"smplx2smpl: expected shape \(6890, any\), found \(10475, 6890\)",
        ),
        (
            lambda: joint_maps.dwpose_points(torch.zeros(2, 144, 3)),
            r"joints: expected shape \[\.\.\., 145, C\], found \[2, 144, 3\]",
        ),
        (
            lambda: joint_maps.lsp_from_h36m(torch.zeros(2, 14, 3)),
            r"joints: expected shape \[\.\.\., 17, C\], found \[2, 14, 3\]",
        ),
        (
            lambda: JointRegressor(np.ones((2, 9)))(torch.zeros(1, 8, 3)),
            r"vertices: expected shape \[\.\.\., 9, C\], found \[1, 8, 3\]",
        ),
    ],
)
def test_other_shapes_are_refused(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        build()
