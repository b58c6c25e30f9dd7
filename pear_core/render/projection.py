"""From body points to the crop's pixels: the crop camera of PEAR and a true pinhole.

Pixel p of the 256 square lies at u = p / 256 (facts 2: pixel-index coordinates, corner target 256).
"""

from __future__ import annotations

import numpy as np

from pear_core.layout import CROP_SIZE, FOCAL
from pear_core.render.visibility import FloatArray


def crop_screen(points: FloatArray, camera: FloatArray) -> FloatArray:
    """(V, 3) pixels of the 256 square and depth, by the crop camera (tx, ty, s) of facts section
    4.
    """
    tx, ty, s = (float(c) for c in camera)
    depth = points[:, 2] + FOCAL / s
    out = np.empty_like(points)
    out[:, 0] = CROP_SIZE * (0.5 + FOCAL / 2 * (points[:, 0] - tx) / depth)
    out[:, 1] = CROP_SIZE * (0.5 + FOCAL / 2 * (points[:, 1] - ty) / depth)
    out[:, 2] = depth
    return out


def pinhole_screen(points: FloatArray, focal: float, cx: float, cy: float) -> FloatArray:
    """(V, 3) pixels and depth of points in the optical frame (metres, z > 0)."""
    out = np.empty_like(points)
    out[:, 0] = focal * points[:, 0] / points[:, 2] + cx
    out[:, 1] = focal * points[:, 1] / points[:, 2] + cy
    out[:, 2] = points[:, 2]
    return out


def fit_crop_camera(points: FloatArray, uv: FloatArray, rounds: int = 5) -> FloatArray:
    """The crop camera (tx, ty, s) that best explains where points are seen, in the least-squares
    sense.

    Args:
        points: (P, 3) body model's output frame, metres. uv: (P, 2) in [0, 1] of the crop.

    Linear for fixed s in the denominator of u - 0.5 = (s/2)(X - tx) / (1 + s Z / 24), so iterated.
    """
    x, y, z = points.T.astype(np.float64)
    target = np.concatenate([uv[:, 0], uv[:, 1]]).astype(np.float64) - 0.5
    zero, one = np.zeros_like(x), np.ones_like(x)
    s = 0.9
    solution = np.zeros(3)
    for _ in range(rounds):
        w = np.tile(1 / (1 + s * z / FOCAL), 2)
        columns = [np.concatenate([x, y]), np.concatenate([one, zero]), np.concatenate([zero, one])]
        solution = np.linalg.lstsq(np.stack(columns, 1) * w[:, None], target, rcond=None)[0]
        s = max(2 * float(solution[0]), 1e-3)
    return np.array([-2 * solution[1] / s, -2 * solution[2] / s, s], dtype=np.float32)
