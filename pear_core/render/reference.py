"""The plain back end: numpy, one triangle after the other. Slow and obvious; the oracle of the
others.
"""

from __future__ import annotations

import numpy as np

from pear_core.render.visibility import NEAR, FloatArray, IntArray, Visibility


def rasterise(screen: FloatArray, faces: IntArray, height: int, width: int) -> Visibility:
    """See `visibility.rasterise`."""
    face = np.full((height, width), -1, dtype=np.int32)
    depth = np.full((height, width), np.inf, dtype=np.float32)
    barycentric = np.zeros((height, width, 3), dtype=np.float32)
    for index, corners in enumerate(screen[faces].astype(np.float64)):
        if corners[:, 2].min() < NEAR:
            continue
        low = np.maximum(np.ceil(corners[:, :2].min(axis=0)), 0).astype(int)
        high = np.minimum(np.floor(corners[:, :2].max(axis=0)), [width - 1, height - 1]).astype(int)
        if (low > high).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        a, b, c = corners
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        affine = np.stack(
            [
                ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area,
                ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area,
                ((a[0] - x) * (b[1] - y) - (a[1] - y) * (b[0] - x)) / area,
            ],
            axis=-1,
        )
        # 1 / z is what varies linearly over the picture.
        perspective = affine / corners[:, 2]
        inverse = perspective.sum(axis=-1)
        inside = (affine >= 0).all(axis=-1)
        z = np.where(inside, 1 / np.where(inside, inverse, 1.0), np.inf).astype(np.float32)
        window = np.s_[low[1] : high[1] + 1, low[0] : high[0] + 1]
        nearer = z < depth[window]
        depth[window][nearer] = z[nearer]
        face[window][nearer] = index
        barycentric[window][nearer] = (perspective / inverse[..., None])[nearer]
    return Visibility(face, depth, barycentric)
