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
from pear_ros.perception.crop import crop_rows
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
    cam = np.asarray(camera, dtype=np.float64)
    square = crop_rows(crops)
    focal = math.sqrt(intrinsics.fx * intrinsics.fy)
    pixels_per_metre = np.maximum(0.5 * cam[:, 2] * square[:, 2], 1e-3)
    depth = focal / pixels_per_metre
    x = -cam[:, 0] + (square[:, 0] - intrinsics.cx) * depth / intrinsics.fx
    y = -cam[:, 1] + (square[:, 1] - intrinsics.cy) * depth / intrinsics.fy
    return np.stack([x, y, depth], axis=1)


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
    points = _rows(joints)
    focal = np.array([[intrinsics.fx], [intrinsics.fy]])
    targets = _rows(keypoints) - np.array([[intrinsics.cx], [intrinsics.cy]])
    weights = _weights(confidence)
    start = far_translation(camera, crops, intrinsics)
    floor = NEAR - points[:, 2].min(axis=1)
    start[:, 2] = np.maximum(start[:, 2], floor)
    transl = start
    for _ in range(MOST_STEPS):
        fit = _linearise(points, transl, targets, weights, focal)
        # A step beyond half the distance leaves the region where the linearisation means anything.
        reach, step = 0.5 * np.maximum(transl[:, 2], NEAR), fit.step
        if (np.abs(step[:, 2]) > reach).any():
            step = step * np.minimum(1.0, reach / np.maximum(np.abs(step[:, 2]), 1e-12))[:, None]
        transl = transl + step
        np.maximum(transl[:, 2], floor, out=transl[:, 2])
        if not np.abs(step).max(initial=0.0) > CLOSE:
            break
    transl = np.where(np.isfinite(transl).all(axis=1, keepdims=True), transl, start)
    relative = np.array([RELATIVE_SIGMA.get(source, 0.0) for source in sources])
    whole = (JOINT_WEIGHTS * (np.asarray(confidence) > 0)).sum(axis=1) / JOINT_WEIGHTS.sum()
    relative = np.hypot(relative, CUT_SIGMA * (1.0 - whole))
    variance = _mean_square(fit.missing, weights)
    sigma = np.hypot(relative * transl[:, 2], np.sqrt(variance / fit.depth_information))
    sigma[[source is ScaleSource.NONE for source in sources]] = math.inf
    return Placement(
        transl=transl.astype(np.float32),
        depth_sigma=sigma.astype(np.float32),
        residual=np.sqrt(variance).astype(np.float32),
        scale=sources,
    )


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
    points, targets = _rows(joints), _rows(keypoints)
    z = np.maximum(np.asarray(depth, np.float64), NEAR - points[:, 2].min(axis=1))
    focal = np.array([[intrinsics.fx], [intrinsics.fy]])
    centre = np.array([[intrinsics.cx], [intrinsics.cy]])
    slope = focal * (1.0 / (points[:, 2] + z[:, None]))[:, None]
    missing = targets - centre - slope * points[:, :2]
    weighted = _weights(confidence)[:, None] * slope
    across = (weighted * missing).sum(axis=2) / (weighted * slope).sum(axis=2)
    return np.concatenate([across, z[:, None]], axis=1)


def _rows(values: FloatArray) -> _Array:
    """(N, J, C) -> (N, C, J): contiguous rows are what numpy is fast on."""
    return np.ascontiguousarray(values.transpose(0, 2, 1), dtype=np.float64)


def _weights(confidence: FloatArray) -> _Array:
    """Votes (N, J) of the joints."""
    seen = JOINT_WEIGHTS * (np.asarray(confidence) > 0)
    # Fewer than six visible joints say little about distance: then the hidden ones vote as well.
    return np.where((seen > 0).sum(axis=1, keepdims=True) >= 6, seen, JOINT_WEIGHTS)


@dataclass(frozen=True)
class _Linearised:
    step: _Array
    """(N, 3) Gauss-Newton step of the translation."""
    depth_information: _Array
    """(N,) curvature of the misfit along depth, x and y optimised away, (pixels / metre)^2."""
    missing: _Array
    """(N, 2, J) pixels from the projections to their targets."""


def _linearise(
    points: _Array, transl: _Array, targets: _Array, weights: _Array, focal: _Array
) -> _Linearised:
    """Normal equations of the projection residuals at a translation.

    targets (N, 2, J): pixels from the principal point. focal (2, 1). x and y do not mix, so the
    Schur complement of depth is a number. Sums over the joints are products of matrices, which
    costs fewer calls than one sum after the other.
    """
    inverse = 1.0 / (points[:, 2] + transl[:, 2:])
    pixels = (points[:, :2] + transl[:, :2, None]) * (focal * inverse[:, None])
    missing = targets - pixels
    once = (weights * inverse)[:, :, None]
    twice = once * inverse[:, :, None]
    moments = pixels @ twice
    count = weights[:, None] @ (inverse * inverse)[:, :, None]
    diagonal = focal**2 * count
    mixed = -focal * moments
    gradient = focal * (missing @ once)
    second = ((pixels * pixels) @ twice).sum(axis=1)
    along = ((pixels * missing) @ once).sum(axis=1)
    share = mixed / diagonal
    schur = np.maximum(second - (mixed * share).sum(axis=1), 1e-9)
    dz = -(along + (share * gradient).sum(axis=1)) / schur
    across = gradient / diagonal - share * dz[:, None]
    step = np.concatenate([across[..., 0], dz], axis=1)
    return _Linearised(step, schur[:, 0], missing)


def _mean_square(missing: _Array, weights: _Array) -> _Array:
    """Weighted mean (N,) of squared residuals (N, 2, J), over both coordinates."""
    squares = ((missing * missing) @ weights[:, :, None])[..., 0].sum(axis=1)
    return np.asarray(squares / np.maximum(2.0 * weights.sum(axis=1), 1e-12))
