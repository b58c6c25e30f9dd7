"""Where a person stands: crop camera -> translation in the camera's optical frame, in metres.

The regressor's camera (tx, ty, s) is a weak perspective inside the crop. Its exact equivalent in
the full image exists only for a far away person (facts section 4), so that formula starts a few
Gauss-Newton steps which move the body until its joints, seen by the true camera, meet the predicted
key points. Distance rests on the size of the body: the regressed one, or that of a known person
(`known`). A depth image replaces it (`depth`); `metric` puts the three together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.native import kernels
from pear_ros.types import Crop, FloatArray, Intrinsics, ScaleSource

RELATIVE_SIGMA = {ScaleSource.INTRINSICS: 0.085, ScaleSource.KNOWN_SHAPE: 0.07}
"""Standard deviation of the distance to a wholly visible person, as a share of it: of a regressed
body nobody knows how tall it is; of a known one pose and outline remain. Calibrated on rendered
people (benchmarks/results/placement.json) so that 1.645 sigma hold 90 % of the errors; their tails
are longer than a normal distribution's, so 1 sigma holds more than 68 %."""
CUT_SIGMA = 0.4
"""The same for the share of a person that the picture cuts off; both add up in squares."""
NEAR = 0.05
"""No joint is placed nearer to the camera than this many metres."""
LEAST_SEEN = 6
"""Fewer visible joints say little about distance: then the hidden ones vote as well."""
MOST_STEPS = 6
CLOSE = 1e-5
"""The search ends at a step of this many metres; the next one would be far smaller still."""

_Array = NDArray[np.float64]


def _joint_weights() -> _Array:
    """One per body joint and extremity, little for the crowds of face and finger points."""
    weights = np.full(len(anatomy.EHM_JOINTS), 0.05)
    weights[: len(anatomy.BODY_JOINTS)] = 1.0
    for name in ("head_top", "nose", "left_heel", "left_big_toe", "right_heel", "right_big_toe"):
        weights[anatomy.EHM_JOINTS.index(name)] = 1.0
    return weights


JOINT_WEIGHTS = _joint_weights()
_VOTE_SHARES = JOINT_WEIGHTS / JOINT_WEIGHTS.sum()


@dataclass(frozen=True)
class Placement:
    """Of N people: transl (N, 3) and depth_sigma (N,) in metres, residual (N,) RMS in pixels."""

    transl: FloatArray
    depth_sigma: FloatArray
    residual: FloatArray
    scale: tuple[ScaleSource, ...]


def assumed_intrinsics(width: int, height: int) -> Intrinsics:
    """A usual lens: focal length = diagonal of the picture, 53 degrees across it."""
    focal = math.hypot(width, height)
    return Intrinsics(focal, focal, 0.5 * (width - 1), 0.5 * (height - 1), width, height)


def usable(intrinsics: Intrinsics | None, width: int, height: int) -> bool:
    """Whether a calibration is there, finite, not zero, and made for this picture size."""
    if intrinsics is None:
        return False
    values = (intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy)
    finite = all(math.isfinite(v) for v in values)
    fits = (intrinsics.width, intrinsics.height) == (width, height)
    return finite and fits and intrinsics.fx > 0 and intrinsics.fy > 0


def far_translation(camera: FloatArray, crops: Sequence[Crop], intrinsics: Intrinsics) -> _Array:
    """Crop cameras (N, 3) -> translations (N, 3), exact from afar (facts 4, for a general K)."""
    k, focal = intrinsics, math.sqrt(intrinsics.fx * intrinsics.fy)
    found = np.empty((len(crops), 3))
    # Scalars: for a handful of people faster than arrays.
    for i, ((tx, ty, s), crop) in enumerate(zip(camera.tolist(), crops, strict=True)):
        depth = focal / max(0.5 * s * crop.side, 1e-3)
        x = -tx + (crop.cx - k.cx) * depth / k.fx
        found[i] = x, -ty + (crop.cy - k.cy) * depth / k.fy, depth
    return found


def place(
    joints: FloatArray,
    keypoints: FloatArray,
    confidence: FloatArray,
    camera: FloatArray,
    crops: Sequence[Crop],
    intrinsics: Intrinsics,
    scale: ScaleSource | Sequence[ScaleSource],
) -> Placement:
    """Translations with which the joints meet the key points under the true camera.

    joints (N, J, 3): metres, body model's output frame. keypoints (N, J, 2): pixels of the full
    image. confidence (N, J): 0 hides a joint. camera (N, 3) and crops: start of the search. scale:
    what the size of everybody, or of each, rests on. depth_sigma adds that size's uncertainty, more
    of it the less of a person can be seen, and the misfit of the projection; infinite for NONE.
    """
    sources = (scale,) * len(joints) if isinstance(scale, ScaleSource) else tuple(scale)
    relative = np.array([RELATIVE_SIGMA.get(source, 0.0) for source in sources], np.float64)
    start = far_translation(camera, crops, intrinsics)
    found = search(joints, keypoints, confidence, start, relative, intrinsics)
    transl, sigma, residual = found
    if ScaleSource.NONE in sources:
        sigma[[source is ScaleSource.NONE for source in sources]] = math.inf
    return Placement(transl=transl, depth_sigma=sigma, residual=residual, scale=sources)


def searched(
    joints: FloatArray,
    keypoints: FloatArray,
    confidence: FloatArray,
    start: _Array,
    relative: _Array,
    intrinsics: Intrinsics,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """transl (N, 3), sigma of the distance (N,), residual (N,) of a search that begins at start (N, 3).

    relative (N,): sigma that is left by the size of each, as a share of the distance.
    """
    points = _rows(joints)
    targets = _on_plane(keypoints, intrinsics)
    seen = np.asarray(confidence) > 0
    weights = _weights(seen)
    floor = NEAR - points[:, 2].min(axis=1)
    start = np.array(start)
    np.maximum(start[:, 2], floor, out=start[:, 2])
    transl = start
    squares = intrinsics.fx * intrinsics.fx, intrinsics.fy * intrinsics.fy
    basis, weighted = np.empty((2, len(points), 5, points.shape[2]))
    for _ in range(MOST_STEPS):
        steps, fits = _linearise(points, transl, targets, weights, squares, basis, weighted)
        step = np.array(steps, np.float64).reshape(-1, 3)
        transl = transl + step
        np.maximum(transl[:, 2], floor, out=transl[:, 2])
        if not np.abs(step).max(initial=0.0) > CLOSE:
            break
    transl = np.where(np.isfinite(transl).all(axis=1, keepdims=True), transl, start)
    relative = np.hypot(relative, CUT_SIGMA * (1.0 - seen @ _VOTE_SHARES))
    information, misfit = np.array(fits, np.float64).reshape(-1, 2).T
    variance = misfit / np.maximum(2.0 * weights.sum(axis=1), 1e-12)
    sigma = np.hypot(relative * transl[:, 2], np.sqrt(variance / information))
    return (
        transl.astype(np.float32), sigma.astype(np.float32), np.sqrt(variance).astype(np.float32)
    )  # fmt: skip


def _searched_compiled(
    joints: FloatArray,
    keypoints: FloatArray,
    confidence: FloatArray,
    start: _Array,
    relative: _Array,
    intrinsics: Intrinsics,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """As `searched`, in one call."""
    assert kernels is not None
    count, k = len(joints), intrinsics
    transl = np.empty((count, 3), np.float32)
    sigma, residual = np.empty((2, count), np.float32)
    kernels.place(
        np.ascontiguousarray(joints, np.float32), np.ascontiguousarray(keypoints, np.float32),
        np.ascontiguousarray(confidence, np.float32), JOINT_WEIGHTS, start, relative,
        np.array([k.fx, k.fy, k.cx, k.cy, CUT_SIGMA, NEAR, CLOSE, MOST_STEPS, LEAST_SEEN]),
        transl, sigma, residual,
    )  # fmt: skip
    return transl, sigma, residual


search = searched if kernels is None else _searched_compiled


def at_depth(
    joints: FloatArray,
    keypoints: FloatArray,
    confidence: FloatArray,
    depth: NDArray[np.floating],
    intrinsics: Intrinsics,
) -> _Array:
    """Translations (N, 3) with transl[2] = depth (N,) that fit the key points best, as in `place`.

    The body keeps its size: where depth and size disagree, its joints meet the key points only on
    average.
    """
    points = _rows(joints)
    z = np.maximum(np.asarray(depth, np.float64), NEAR - points[:, 2].min(axis=1))
    nearness = 1.0 / (points[:, 2] + z[:, None])
    missing = _on_plane(keypoints, intrinsics) - nearness[:, None] * points[:, :2]
    weighted = _weights(np.asarray(confidence) > 0) * nearness
    across = (missing @ weighted[:, :, None])[..., 0]
    across /= np.einsum("nj,nj->n", weighted, nearness)[:, None]
    return np.concatenate([across, z[:, None]], axis=1)


def _rows(values: FloatArray) -> _Array:
    """(N, J, C) -> (N, C, J): contiguous rows are what numpy is fast on."""
    return np.ascontiguousarray(values.transpose(0, 2, 1), dtype=np.float64)


def _on_plane(keypoints: FloatArray, k: Intrinsics) -> _Array:
    """Pixels (N, J, 2) -> (N, 2, J) on the plane one metre before the camera."""
    plane = np.array(keypoints.transpose(0, 2, 1), np.float64, order="C")
    plane -= ((k.cx,), (k.cy,))
    plane *= ((1.0 / k.fx,), (1.0 / k.fy,))
    return plane


def _weights(seen: NDArray[np.bool_]) -> _Array:
    """Votes (N, J) of the joints, of which some are seen."""
    return JOINT_WEIGHTS * (seen | (np.count_nonzero(seen, axis=1) < LEAST_SEEN)[:, None])


def _linearise(
    points: _Array, transl: _Array, targets: _Array, weights: _Array,
    squares: tuple[float, float], basis: _Array, weighted: _Array,
) -> tuple[list[tuple[float, float, float]], list[tuple[float, float]]]:  # fmt: skip
    """Gauss-Newton steps of the translations (N, 3); and for each person the curvature of the misfit
    along depth, x and y optimised away, in (pixels / metre)^2, with the sum of its weighted squares
    in pixels^2.

    targets (N, 2, J): where projections should lie one metre before the camera. squares: of the focal
    lengths. basis, weighted (N, 5, J): room to work in. With d a joint's nearness, (u, v) its
    projection and (e, f) what is missing there, every sum that the equations need is one of the
    weighted products of d, ud, vd, e and f: one product of matrices, whose few numbers are cheapest
    as scalars. x and y do not mix, so the Schur complement of depth is a number.
    """
    nearness, moments, missing = basis[:, 0], basis[:, 1:3], basis[:, 3:]
    np.divide(1.0, points[:, 2] + transl[:, 2:], out=nearness)
    np.add(points[:, :2], transl[:, :2, None], out=moments)
    moments *= nearness[:, None]
    np.subtract(targets, moments, out=missing)
    moments *= nearness[:, None]
    np.multiply(basis, weights[:, None], out=weighted)
    products = (weighted @ basis.transpose(0, 2, 1)).reshape(-1, 25)[:, _NEEDED].tolist()
    (fx2, fy2), steps, fits = squares, [], []
    for (dd, du, dv, de, df, uu, vv, ue, vf, ee, ff), depth in zip(
        products, transl[:, 2].tolist(), strict=True
    ):
        count = dd if dd > 1e-300 else 1e-300
        x, y, right, down = du / count, dv / count, de / count, df / count
        schur = max(fx2 * (uu - du * x) + fy2 * (vv - dv * y), 1e-9)
        dz = -(fx2 * (ue - de * x) + fy2 * (vf - df * y)) / schur
        dx, dy = right + x * dz, down + y * dz
        # A step beyond half the distance leaves the region where the linearisation means anything.
        reach = 0.5 * max(depth, NEAR)
        share = 1.0 if abs(dz) <= reach else reach / max(abs(dz), 1e-12)
        steps.append((share * dx, share * dy, share * dz))
        fits.append((schur, fx2 * ee + fy2 * ff))
    return steps, fits


_NEEDED = np.array([0, 1, 2, 3, 4, 6, 12, 8, 14, 18, 24])
"""Of the 5 x 5 products: dd, d ud, d vd, de, df, ud ud, vd vd, ud e, vd f, ee, ff."""
