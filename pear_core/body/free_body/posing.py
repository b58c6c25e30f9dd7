"""Linear blend skinning in numpy, for pictures and tests of the shipped files."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pear_core.body.free_body.source import Array


def rotation(axis_angle: Array) -> Array:
    """(3, 3) rotation matrix of an axis-angle vector in radians (Rodrigues)."""
    angle = float(np.linalg.norm(axis_angle))
    x, y, z = axis_angle / max(angle, 1e-12)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def pose(
    model: Mapping[str, NDArray[np.generic]],
    rotations: Mapping[int, Array] | None = None,
    betas: Array | None = None,
    expression: Array | None = None,
) -> tuple[Array, Array]:
    """Poses a SMPL-X or FLAME file.

    Args:
        model: arrays of SMPLX_NEUTRAL.npz or FLAME.npz. rotations: joint -> axis-angle (3,) rad,
            relative to its parent. betas: (<=300,). expression: (<=100,).

    Returns:
        vertices (V, 3) and joints (J, 3) in metres.
    """
    shape = np.asarray(model["v_template"], dtype=np.float64)
    for start, coefficients in ((0, betas), (300, expression)):
        if coefficients is not None:
            dirs = np.asarray(model["shapedirs"])[..., start : start + len(coefficients)]
            shape = shape + dirs @ np.asarray(coefficients, dtype=np.float64)
    joints = np.asarray(model["J_regressor"], dtype=np.float64) @ shape
    parents = np.asarray(model["kintree_table"])[0].astype(np.int64)
    turns = rotations or {}
    world = np.tile(np.eye(4), (len(joints), 1, 1))
    for j in range(len(joints)):
        local = np.eye(4)
        local[:3, :3] = rotation(np.asarray(turns.get(j, np.zeros(3)), dtype=np.float64))
        local[:3, 3] = joints[j] - (joints[parents[j]] if j else 0)
        world[j] = world[parents[j]] @ local if j else local
    posed = world[:, :3, 3].copy()
    world[:, :3, 3] -= (world[:, :3, :3] @ joints[..., None])[..., 0]
    blend = np.einsum("vj,jab->vab", np.asarray(model["weights"], dtype=np.float64), world)
    vertices = (blend[:, :3, :3] @ shape[..., None])[..., 0] + blend[:, :3, 3]
    return vertices, posed
