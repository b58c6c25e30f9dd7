"""From the camera that a crop network imagines to the one that took the picture."""

from __future__ import annotations

import numpy as np

from pear_core.exchange.arrays import FloatArray


def seen_from(points: FloatArray, imagined: FloatArray, camera: FloatArray) -> FloatArray:
    """Points [T, 3] moved so that `camera` sees them where `imagined` did, equally large.

    imagined, camera: fx, fy, cx, cy in pixels of the full picture, [4] or [T, 4]. Exact for the
    point itself; for what is around it only as far as perspective within a person can be neglected.
    """
    fx, fy, cx, cy = np.moveaxis(np.broadcast_to(imagined, (len(points), 4)), 1, 0)
    gx, gy, dx, dy = np.moveaxis(np.broadcast_to(camera, (len(points), 4)), 1, 0)
    x, y, z = points.T
    depth = z * gx / fx
    column, row = fx * x / z + cx, fy * y / z + cy
    return np.stack(((column - dx) * depth / gx, (row - dy) * depth / gy, depth), axis=1)
