"""The joint tree and linear blend skinning, components first: points are (N, 3, V), joints (N, 3, J).

Compiled where this machine could (pear_ros/native), else in numpy. float32 in, float32 out; people of
one call do not influence each other.
"""

from __future__ import annotations

import itertools

import numpy as np

from pear_core.anatomy import SMPLX_PARENTS, tree_levels
from pear_ros.engine.folded_constants import product
from pear_ros.native import kernels
from pear_ros.types import FloatArray

_PARENTS = np.asarray(SMPLX_PARENTS, np.int32)
_LEVELS = tree_levels(SMPLX_PARENTS)
_ORDER = np.concatenate(_LEVELS)
"""Joints by depth in the tree, so that a level is a slice."""
_PLACE = np.argsort(_ORDER)
_ABOVE = _PLACE[np.maximum(SMPLX_PARENTS, 0)][_ORDER]
_ENDS = np.cumsum([len(level) for level in _LEVELS]).tolist()


def forward_kinematics(rotations: FloatArray, rest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """World rotations (N, 55, 3, 3) and posed joints (N, 3, 55) of local rotations (N, 55, 3, 3) and
    rest joints (N, 3, 55).
    """
    if kernels is None:
        return _forward_kinematics(rotations, rest)
    world, posed = np.empty(rotations.shape, np.float32), np.empty(rest.shape, np.float32)
    kernels.chain(_PARENTS, *map(np.ascontiguousarray, (rotations, rest)), world, posed)
    return world, posed


def _forward_kinematics(rotations: FloatArray, rest: FloatArray) -> tuple[FloatArray, FloatArray]:
    count, total = rotations.shape[:2]
    local = np.zeros((count, total, 4, 4), np.float32)
    local[..., :3, :3] = rotations[:, _ORDER]
    places = rest.transpose(0, 2, 1)[:, _ORDER]
    local[..., :3, 3] = places
    local[:, 1:, :3, 3] -= places.take(_ABOVE[1:], axis=1)
    local[..., 3, 3] = 1.0
    for start, end in itertools.pairwise(_ENDS):
        local[:, start:end] = local.take(_ABOVE[start:end], axis=1) @ local[:, start:end]
    world = local.take(_PLACE, axis=1)
    return world[..., :3, :3], world[..., :3, 3].transpose(0, 2, 1)


class Skin:
    """Linear blend skinning with the weights (J, V) of one model."""

    def __init__(self, weights: FloatArray) -> None:
        self._weights = weights
        # Two joints move a vertex on average, of 55: only those are kept, vertex by vertex.
        vertices, self._joints = (found.astype(np.int32) for found in np.nonzero(weights.T))
        self._sparse = np.ascontiguousarray(weights.T[vertices, self._joints])
        self._starts = np.searchsorted(vertices, np.arange(weights.shape[1] + 1)).astype(np.int32)

    def __call__(
        self, points: FloatArray, world: FloatArray, rest: FloatArray, posed: FloatArray
    ) -> FloatArray:
        """Posed points (N, 3, V) of points at rest (N, 3, V); world rotations (N, J, 3, 3), rest and
        posed joints (N, 3, J).
        """
        if kernels is None:
            return self._in_numpy(points, world, rest, posed)
        out = np.empty(points.shape, np.float32)
        given = map(np.ascontiguousarray, (world, rest, posed, points))
        kernels.skin(self._starts, self._joints, self._sparse, *given, out)
        return out

    def _in_numpy(
        self, points: FloatArray, world: FloatArray, rest: FloatArray, posed: FloatArray
    ) -> FloatArray:
        count, joints = world.shape[:2]
        motion = np.empty((count, 12, joints), np.float32)
        motion[:, :9] = world.reshape(count, joints, 9).transpose(0, 2, 1)
        turned = np.einsum("njab,nbj->naj", world, rest)
        np.subtract(posed, turned, out=motion[:, 9:])
        blended = product(motion.reshape(-1, joints), self._weights).reshape(count, 12, -1)
        turns = blended[:, :9].reshape(count, 3, 3, -1)
        out: FloatArray = np.einsum("nabv,nbv->nav", turns, points)
        out += blended[:, 9:]
        return out
