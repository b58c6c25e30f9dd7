"""The points that other data sets and protocols speak of, from a posed mesh or the 145 joints.

Every one of them is a fixed linear map of vertices. Maps are numpy or scipy matrices, so that a
chain (SMPL-X mesh -> SMPL mesh -> key points) is multiplied out once, in float64; `JointRegressor`
and `MeshTransfer` apply one to batches in torch, differentiably. Sources: PEAR facts 5.5 to 5.7,
9.3 and 16.14; orders and names are in `pear_core.anatomy`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from pear_core.anatomy import (
    DWPOSE_FROM_EHM,
    DWPOSE_NECK,
    DWPOSE_SHOULDERS,
    EHM_JOINTS,
    H36M_NAMES,
    HMR2_COCO_EXTRA,
    HMR2_REINDEXED,
    LSP_FROM_H36M,
    OPENPOSE_FROM_SMPL,
    SMPL_JOINTS,
    SMPL_POINTS,
    SMPL_VERTICES,
)

Matrix = NDArray[np.floating] | Any
"""A dense numpy array or any scipy sparse array: points x vertices."""

NUM_J19, NUM_EXTRA = 19, 9


class JointRegressor(nn.Module):
    """Joints [B, J, 3] of vertices [B, V, 3] by a matrix [J, V], reading only vertices it weighs.

    For matrices of few rows: J14, H36M, the 44 key points, or one of them `composed` with
    smplx2smpl.
    """

    support: Tensor
    weights: Tensor

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        columns = sparse.csc_array(matrix)
        columns.eliminate_zeros()
        self.num_vertices = int(columns.shape[1])
        used = np.flatnonzero(np.diff(columns.indptr))
        weights = torch.tensor(columns[:, used].toarray(), dtype=torch.get_default_dtype())
        self.register_buffer("support", torch.from_numpy(used), persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, vertices: Tensor) -> Tensor:
        _require_points("vertices", vertices, self.num_vertices)
        joints: Tensor = self.weights @ vertices.index_select(1, self.support)
        return joints


class MeshTransfer(nn.Module):
    """Vertices [B, W, 3] of one mesh from those of another [B, V, 3], by a sparse matrix [W, V].

    Made for smplx2smpl, whose rows are barycentric (one to three vertices each): a gather.
    """

    corners: Tensor
    weights: Tensor

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        rows = sparse.csr_array(matrix)
        rows.eliminate_zeros()
        self.num_vertices = int(rows.shape[1])
        counts = np.diff(rows.indptr)
        present = np.arange(max(int(counts.max(initial=0)), 1)) < counts[:, None]
        # Shorter rows are filled up with vertex 0 at weight 0.
        corners, weights = np.zeros(present.shape, np.int64), np.zeros(present.shape)
        corners[present], weights[present] = rows.indices, rows.data
        self.register_buffer("corners", torch.from_numpy(corners), persistent=False)
        values = torch.tensor(weights, dtype=torch.get_default_dtype())
        self.register_buffer("weights", values, persistent=False)

    def forward(self, vertices: Tensor) -> Tensor:
        _require_points("vertices", vertices, self.num_vertices)
        picked = vertices.index_select(1, self.corners.flatten()).unflatten(1, self.corners.shape)
        return (picked * self.weights[..., None]).sum(dim=2)


def dwpose_points(joints: Tensor) -> Tensor:
    """The 134 DWPose points [..., 134, C] of the 145 joints [..., 145, C], in space or projected.

    The neck's x and y are those of the shoulders' midpoint; its further coordinates stay its own,
    so a midpoint in the picture wants the joints projected first.
    """
    _require_points("joints", joints, len(EHM_JOINTS))
    points = joints.index_select(-2, torch.as_tensor(DWPOSE_FROM_EHM, device=joints.device))
    right, left = DWPOSE_SHOULDERS
    middle = (points[..., right, :2] + points[..., left, :2]) / 2
    neck = torch.cat((middle, points[..., DWPOSE_NECK, 2:]), dim=-1)[..., None, :]
    before, behind = points[..., :DWPOSE_NECK, :], points[..., DWPOSE_NECK + 1 :, :]
    return torch.cat((before, neck, behind), dim=-2)


def lsp_from_h36m(joints: Tensor) -> Tensor:
    """The 14 joints [..., 14, C] of the 3DPW protocol, from the 17 of Human3.6M [..., 17, C]."""
    _require_points("joints", joints, len(H36M_NAMES))
    return joints.index_select(-2, torch.as_tensor(LSP_FROM_H36M, device=joints.device))


def hmr2_regressor(smpl_joints: Matrix, j19: Matrix) -> Any:
    """The 44 key points over SMPL vertices, sparse [44, 6890], as trained and judged on 3D data.

    smpl_joints: SMPL's J_regressor [24, 6890]; j19: SMPL_to_J19 [19, 6890]. The variant of
    H36M-VAL-P2, 3DPW-TEST, POSETRACK-VAL and of PEAR's own training.
    """
    openpose = _smpl_points(smpl_joints)[OPENPOSE_FROM_SMPL]
    regressed = _checked("SMPL_to_J19", j19, NUM_J19, SMPL_VERTICES)
    return sparse.vstack((openpose, regressed), format="csr")[HMR2_REINDEXED]


def hmr2_coco_regressor(smpl_joints: Matrix, extra: Matrix) -> Any:
    """The 44 key points over SMPL vertices, sparse [44, 6890], as judged on COCO-VAL, LSP-EXTENDED.

    smpl_joints: SMPL's J_regressor [24, 6890]; extra: J_regressor_extra [9, 6890].
    """
    points = _smpl_points(smpl_joints)
    regressed = _checked("J_regressor_extra", extra, NUM_EXTRA, SMPL_VERTICES)
    every = sparse.vstack((points, regressed), format="csr")
    return every[np.concatenate((OPENPOSE_FROM_SMPL, HMR2_COCO_EXTRA))]


def composed(regressor: Matrix, smplx2smpl: Matrix) -> Any:
    """A regressor over SMPL vertices [J, 6890] as one over SMPL-X vertices, sparse [J, V]."""
    transfer = _checked("smplx2smpl", smplx2smpl, SMPL_VERTICES, None)
    return _checked("regressor", regressor, None, SMPL_VERTICES) @ transfer


def _smpl_points(smpl_joints: Matrix) -> Any:
    """SMPL's 24 joints and 21 surface points, sparse [45, 6890]."""
    joints = _checked("SMPL J_regressor", smpl_joints, len(SMPL_JOINTS), SMPL_VERTICES)
    ids = list(SMPL_POINTS.values())
    picked = (np.ones(len(ids)), (np.arange(len(ids)), ids))
    chosen = sparse.csr_array(picked, shape=(len(ids), SMPL_VERTICES))
    return sparse.vstack((joints, chosen), format="csr")


def _checked(what: str, matrix: Matrix, rows: int | None, columns: int | None) -> Any:
    shape = np.shape(matrix)
    expected = (rows, columns)
    fits = len(shape) == 2 and all(n is None or n == m for n, m in zip(expected, shape))
    if not fits:
        words = ", ".join("any" if n is None else str(n) for n in expected)
        raise ValueError(f"{what}: expected shape ({words}), found {shape}")
    return sparse.csr_array(matrix).astype(np.float64)


def _require_points(what: str, points: Tensor, count: int) -> None:
    if points.ndim < 2 or points.shape[-2] != count:
        raise ValueError(f"{what}: expected shape [..., {count}, C], found {list(points.shape)}")
