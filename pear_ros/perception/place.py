"""Where a person stands: crop camera -> translation in the camera's optical frame, in metres.

The regressor's camera (tx, ty, s) is a weak perspective inside the crop. Its exact equivalent in
the full image exists only for a far away person (facts section 4), so that formula starts a few
Gauss-Newton steps which move the body until its joints, seen by the true camera, meet the predicted
key points. Distance rests on the size of the regressed body; a depth camera or a known person
replaces that later by giving another `ScaleSource`.
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

SIZE_SIGMA = 0.10
"""Relative standard deviation of the size of a regressed body: nobody knows how tall it is."""
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
    scale: ScaleSource


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
    scale: ScaleSource,
) -> Placement:
    """Translations with which the joints meet the key points under the true camera.

    joints (N, J, 3): metres, body model's output frame. keypoints (N, J, 2): pixels of the full
    image. confidence (N, J): 0 hides a joint. camera (N, 3) and crops: start of the search.
    depth_sigma adds the uncertain body size and the misfit of the projection; infinite for scale
    NONE.
    """
    # Coordinates before joints: contiguous rows are what numpy is fast on.
    points = np.ascontiguousarray(joints.transpose(0, 2, 1), dtype=np.float64)
    targets = np.ascontiguousarray(keypoints.transpose(0, 2, 1), dtype=np.float64)
    every = np.broadcast_to(JOINT_WEIGHTS, (len(points), points.shape[2]))
    seen = every * (np.asarray(confidence) > 0)
    # Fewer than six visible joints say little about distance: then the hidden ones vote as well.
    weights = np.where((seen > 0).sum(axis=1, keepdims=True) >= 6, seen, every)
    start = far_translation(camera, crops, intrinsics)
    floor = NEAR - points[:, 2].min(axis=1)
    start[:, 2] = np.maximum(start[:, 2], floor)
    transl = start
    for _ in range(MOST_STEPS):
        fit = _linearise(points, transl, targets, weights, intrinsics)
        # A step beyond half the distance leaves the region where the linearisation means anything.
        reach = 0.5 * np.maximum(transl[:, 2], NEAR)
        shorten = np.minimum(1.0, reach / np.maximum(np.abs(fit.step[:, 2]), 1e-12))
        step = fit.step * shorten[:, None]
        transl = transl + step
        transl[:, 2] = np.maximum(transl[:, 2], floor)
        if not np.abs(step).max(initial=0.0) > CLOSE:
            break
    transl = np.where(np.isfinite(transl).all(axis=1, keepdims=True), transl, start)
    if scale is ScaleSource.NONE:
        sigma = np.full(len(points), np.inf)
    else:
        sigma = np.hypot(SIZE_SIGMA * transl[:, 2], np.sqrt(fit.variance / fit.depth_information))
    return Placement(
        transl=transl.astype(np.float32),
        depth_sigma=sigma.astype(np.float32),
        residual=np.sqrt(fit.variance).astype(np.float32),
        scale=scale,
    )


@dataclass(frozen=True)
class _Linearised:
    step: _Array
    """(N, 3) Gauss-Newton step of the translation."""
    depth_information: _Array
    """(N,) curvature of the misfit along depth, x and y optimised away, (pixels / metre)^2."""
    variance: _Array
    """(N,) weighted mean of the squared residuals in pixels, over both coordinates."""


def _linearise(
    points: _Array, transl: _Array, targets: _Array, weights: _Array, k: Intrinsics
) -> _Linearised:
    """Normal equations of the projection residuals at a translation.

    x and y do not mix, so the Schur complement of depth is a number.
    """
    inverse = 1.0 / (points[:, 2] + transl[:, 2:])
    x, y = (points[:, 0] + transl[:, :1]) * inverse, (points[:, 1] + transl[:, 1:2]) * inverse
    rx, ry = targets[:, 0] - (k.fx * x + k.cx), targets[:, 1] - (k.fy * y + k.cy)
    a, c = k.fx * inverse, k.fy * inverse
    b, d = -a * x, -c * y
    wa, wc = weights * a, weights * c
    n00, n02 = (wa * a).sum(axis=1), (wa * b).sum(axis=1)
    n11, n12 = (wc * c).sum(axis=1), (wc * d).sum(axis=1)
    n22 = (weights * (b * b + d * d)).sum(axis=1)
    g0, g1 = (wa * rx).sum(axis=1), (wc * ry).sum(axis=1)
    g2 = (weights * (b * rx + d * ry)).sum(axis=1)
    schur = np.maximum(n22 - n02 * n02 / n00 - n12 * n12 / n11, 1e-9)
    dz = (g2 - n02 * g0 / n00 - n12 * g1 / n11) / schur
    step = np.stack([(g0 - n02 * dz) / n00, (g1 - n12 * dz) / n11, dz], axis=1)
    squares = (weights * (rx * rx + ry * ry)).sum(axis=1)
    return _Linearised(step, schur, squares / np.maximum(2.0 * weights.sum(axis=1), 1e-12))
