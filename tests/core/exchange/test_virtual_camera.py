"""A point moved between cameras stays at its pixel and keeps its size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.exchange.virtual_camera import seen_from


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_same_pixel_same_size(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1, (3, 3)) + (0, 0, 40)
    imagined = np.concatenate((rng.uniform(3000, 9000, (3, 2)), rng.uniform(100, 900, (3, 2))), 1)
    camera = np.array([600.0, 610, 320, 240])
    moved = seen_from(points, imagined, camera)
    for k in range(3):
        fx, fy, cx, cy = imagined[k]
        x, y, z = points[k]
        u, v, w = moved[k]
        np.testing.assert_allclose(600 * u / w + 320, fx * x / z + cx, atol=1e-6)
        np.testing.assert_allclose(610 * v / w + 240, fy * y / z + cy, atol=1e-6)
        # A metre across covers equally many pixels.
        np.testing.assert_allclose(600 / w, fx / z, rtol=1e-12)


def test_the_same_camera_changes_nothing() -> None:
    points = np.array([[0.3, -0.2, 4.0]])
    camera = np.array([500.0, 500, 320, 240])
    np.testing.assert_allclose(seen_from(points, camera, camera), points, atol=1e-12)
