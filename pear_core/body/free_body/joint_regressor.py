"""Sparse convex combinations of vertices that give the joints of every shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SMPLX_MIRROR
from pear_core.body.free_body import phenotypes, skeleton
from pear_core.body.free_body.source import Array, Index, Source

_SPREAD = 0.05  # metres per unit of weight: keeps a joint from hanging on two or three vertices
_UNITY = 10.0  # metres per unit: weight of the sum-to-one row


def _around(offsets: Array, directions: int = 250) -> Index:
    """Ids of the points (V, 3) nearest to the origin in each of many directions."""
    from scipy.spatial import cKDTree

    k = np.arange(directions) + 0.5
    polar, turn = np.arccos(1 - 2 * k / directions), np.pi * (1 + 5**0.5) * k
    sphere = np.stack([np.cos(turn) * np.sin(polar), np.cos(polar),
                       np.sin(turn) * np.sin(polar)], -1)  # fmt: skip
    distance = np.linalg.norm(offsets, axis=1)
    order = np.argsort(distance)[:5000]
    cell = cKDTree(sphere).query(offsets[order] / distance[order, None])[1]
    return order[np.unique(cell, return_index=True)[1]]


def fit(
    vertices: Array, joints: Array, mirror: Index, allowed: NDArray[np.bool_],
    means: dict[int, Index], only: Sequence[int] = range(55),
) -> Array:  # fmt: skip
    """Fits a regressor by non-negative least squares over vertices all around each joint.

    Args:
        vertices: (N, V, 3) metres. joints: (N, 55, 3). mirror: (V,) mirror map.
        allowed: (V,) mask of vertices that expressions do not move, so that joints stay where
            they are when the face moves.
        means: joint -> vertex ids whose plain mean it is. only: joints wanted, others stay zero.

    Returns:
        (55, V), rows sum to one, left and right rows are exact mirror images.
    """
    from scipy.optimize import nnls

    template, centre = vertices.mean(axis=0, dtype=np.float64), joints.mean(axis=0)
    usable = np.flatnonzero(allowed)
    regressor = np.zeros((joints.shape[1], len(template)))
    for j in only:
        twin = int(SMPLX_MIRROR[j])
        if j in means:
            regressor[j, means[j]] = 1 / len(means[j])
            continue
        if twin < j:
            regressor[j] = regressor[twin][mirror]
            continue
        near = usable[_around(template[usable] - centre[j])]
        if twin == j:
            near = np.union1d(near, mirror[near])
        rows = np.moveaxis(vertices[:, near].astype(np.float64), 1, 2).reshape(-1, len(near))
        rows = np.vstack([rows, np.full((1, len(near)), _UNITY), _SPREAD * np.eye(len(near))])
        target = np.concatenate([joints[:, j].reshape(-1), [_UNITY], np.zeros(len(near))])
        solution, _ = nnls(rows, target)
        solution[solution < 1e-4] = 0
        regressor[j, near] = solution / solution.sum()
        if twin == j:
            regressor[j] = (regressor[j] + regressor[j][mirror]) / 2
    return regressor


def fit_to_bones(
    source: Source, mirror: Index, allowed: NDArray[np.bool_], means: dict[int, Index],
    seed: int, count: int = 100,
) -> tuple[Array, dict[str, object]]:  # fmt: skip
    """Regressor of the rest pose, fitted to anny's bone heads in adults of ordinary stature.

    Away from ordinary stature anny's bones leave the limbs they belong to (at the height
    slider's end a knee bone lies 8 cm below the knee), so they are asked only where they are
    right, and the skin around a joint carries it to all other shapes.
    """
    rng = np.random.default_rng(seed)
    sliders, local = phenotypes.draw(rng, count, source)
    sliders = {**sliders, "height": np.full(count, phenotypes.ORDINARY_HEIGHT)}
    vertices, heads, _ = source.rest(sliders, local)
    joints = skeleton.rest_joints(source, heads)
    regressor = fit(vertices, joints, mirror, allowed, means)
    return regressor, judge(regressor, vertices, joints)


def judge(
    regressor: Array, vertices: Array, joints: Array, only: Sequence[int] = range(55)
) -> dict[str, object]:
    """Distance in mm of regressed joints from `joints` (N, 55, 3)."""
    error = 1000 * np.linalg.norm(regressor @ vertices - joints, axis=-1)[:, list(only)]
    return {
        "mean_mm": round(float(error.mean()), 3),
        "p95_mm": round(float(np.percentile(error, 95)), 3),
        "max_mm": round(float(error.max()), 3),
        "mean_mm_per_joint": [round(float(e), 3) for e in error.mean(axis=0)],
        "vertices_per_joint": [int(k) for k in (regressor[list(only)] > 0).sum(axis=1)],
    }
