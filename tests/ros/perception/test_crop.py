"""Crops: hand-computed squares, refused boxes, and the way back to pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.perception import crop
from pear_ros.types import Box, Crop


def test_square_is_a_quarter_larger_than_the_longer_side() -> None:
    assert crop.square_crop(Box(100, 50, 180, 250), 640, 480) == Crop(140.0, 150.0, 250.0)
    assert crop.square_crop(Box(100, 50, 300, 90), 640, 480, scale=1.0) == Crop(200.0, 70.0, 200.0)


def test_half_a_person_is_cropped_where_it_is_seen() -> None:
    # Legs below a picture of 480 rows: only rows 100 .. 479.5 count.
    assert crop.square_crop(Box(200, 100, 300, 900), 640, 480) == Crop(250.0, 289.75, 379.5 * 1.25)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (Box(float("nan"), 0, 10, 10), "not finite"),
        (Box(0, 0, float("inf"), 10), "not finite"),
        (Box(50, 50, 50, 90), "empty"),
        (Box(50, 90, 80, 50), "empty"),
        (Box(700, 10, 800, 200), "outside"),
        (Box(-300, -300, -0.5, -0.5), "outside"),
        (Box(100, 100, 110, 115), "too small"),
        (Box(630, 100, 800, 110), "too small"),
    ],
)
def test_unusable_boxes_say_why(box: Box, reason: str) -> None:
    with pytest.raises(crop.UnusableBox, match=reason) as caught:
        crop.square_crop(box, 640, 480, where="/camera")
    assert str(caught.value).startswith("/camera: ")


def test_pixels_agree_with_the_affine_map_of_three_points() -> None:
    """Facts section 2: centre, centre + down and centre + right define the warp to 256 pixels."""
    square = Crop(212.3, 98.7, 180.5)
    half = square.side / 2
    source = np.array(
        [[square.cx, square.cy], [square.cx, square.cy + half], [square.cx + half, square.cy]]
    )
    target = np.array([[128, 128], [128, 256], [256, 128]], np.float32)
    affine = cv2.getAffineTransform(target, source.astype(np.float32))
    keypoints = np.random.default_rng(1).uniform(-0.3, 1.3, (1, 145, 2)).astype(np.float32)
    expected = (keypoints[0] * 256) @ affine[:, :2].T + affine[:, 2]
    np.testing.assert_allclose(crop.to_pixels(keypoints, [square])[0], expected, atol=2e-3)


@settings(deadline=None)
@given(
    st.floats(-50, 700), st.floats(-50, 500), st.floats(16, 2000),
    st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=5),
)  # fmt: skip
def test_there_and_back(cx: float, cy: float, side: float, points: list) -> None:
    crops = [Crop(cx, cy, side), Crop(cy, cx, 2 * side)]
    keypoints = np.array([points, points], np.float32)
    back = crop.to_crop(crop.to_pixels(keypoints, crops), crops)
    np.testing.assert_allclose(back, keypoints, atol=2e-5 + 1e-4 * 16 / side)


def test_nobody_is_fine() -> None:
    assert crop.to_pixels(np.zeros((0, 145, 2), np.float32), []).shape == (0, 145, 2)
