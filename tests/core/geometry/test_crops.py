"""Crop maps by hand and as inverses; sampling against OpenCV's warp."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pear_core.geometry.crops import (
    crop_from_image,
    image_from_crop,
    published_square,
    sample,
    transform,
)

CROP = st.tuples(st.floats(-50, 700), st.floats(-50, 500), st.floats(8, 900))


def test_corners_by_hand() -> None:
    # A square of side 512 around (300, 200): (44, -56) to (556, 456), two pixels per crop pixel.
    crop = torch.tensor([300.0, 200.0, 512.0])
    corners = torch.tensor([[0.0, 0.0], [256.0, 256.0], [128.0, 128.0], [1.0, 0.0]])
    expected = torch.tensor([[44.0, -56.0], [556.0, 456.0], [300.0, 200.0], [46.0, -56.0]])
    torch.testing.assert_close(transform(corners, image_from_crop(crop)), expected)
    torch.testing.assert_close(transform(expected, crop_from_image(crop)), corners)


@given(CROP, st.integers(0, 9))
def test_maps_are_inverses(crop: tuple[float, float, float], seed: int) -> None:
    square = torch.tensor(crop).double()
    points = torch.rand(5, 2, generator=torch.manual_seed(seed)).double() * 700 - 30
    back = transform(transform(points, crop_from_image(square)), image_from_crop(square))
    assert (back - points).abs().max() < 1e-9


@pytest.mark.parametrize("crop", [(40.0, 30.0, 50.0), (10.0, 55.0, 33.3), (90.0, -5.0, 120.0)])
def test_sampling_is_opencvs_warp(crop: tuple[float, float, float]) -> None:
    noise = np.random.default_rng(0).random((70, 100, 3)).astype(np.float32)
    image = cv2.GaussianBlur(noise, (0, 0), 3)
    square = torch.tensor([crop])
    inverse = image_from_crop(square)[0].double().numpy()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image, inverse, (256, 256), flags=flags, borderValue=(0, 0, 0))
    actual = sample(torch.from_numpy(image).permute(2, 0, 1)[None], square)[0].permute(1, 2, 0)
    # OpenCV 4 rounds sampling positions to 1/32 pixel: at the black border up to 1/32 of the value.
    assert np.abs(actual.numpy() - expected).max() < 0.02
    assert np.abs(actual.numpy() - expected).mean() < 1e-3


def test_pixel_centres_are_exact() -> None:
    image = torch.arange(30.0).reshape(1, 1, 5, 6)
    # Side equal to size: one image pixel per crop pixel, the crop starts at pixel (1, 2).
    crops = sample(image, torch.tensor([[3.0, 4.0, 4.0]]), size=4)
    expected = torch.tensor([[13.0, 14, 15, 16], [19, 20, 21, 22], [25, 26, 27, 28], [0, 0, 0, 0]])
    torch.testing.assert_close(crops[0, 0], expected, atol=1e-4, rtol=0)


def test_published_squares_by_hand() -> None:
    # A 640 x 480 picture. Inside: 79 x 199 from pixel to pixel. Beyond the right: cut at 639.
    # 30 left and 10 above: moved to (0, 0) at its full size of 99 x 199, not cut to 69 x 189.
    boxes = torch.tensor(
        [[100, 50, 180, 250], [600, 100, 700, 200], [-30, -10, 70, 190], [-50, 0, 700, 100.0]]
    )
    crops, usable = published_square(boxes, 640, 480)
    expected = [
        [139.5, 149.5, 1.25 * 199], [619.5, 149.5, 1.25 * 99], [49.5, 99.5, 1.25 * 199],
        [319.5, 49.5, 1.25 * 639],
    ]  # fmt: skip
    torch.testing.assert_close(crops, torch.tensor(expected))
    assert usable.all()
    once, _ = published_square(boxes[2], 640, 480, scale=1.0)
    assert once.tolist() == [49.5, 99.5, 199.0]


@pytest.mark.parametrize(
    "box",
    [
        (50, 50, 50, 90), (50, 90, 80, 50), (80, 50, 50, 90), (700, 10, 800, 200),
        (639, 10, 660, 90), (10, 10, 11, 90), (float("nan"), 0, 10, 10), (0, 0, float("inf"), 10),
    ],
)  # fmt: skip
def test_boxes_without_a_published_square(box: tuple[float, ...]) -> None:
    crops, usable = published_square(torch.tensor([box, (10.0, 10.0, 50.0, 90.0)]), 640, 480)
    assert usable.tolist() == [False, True]
    assert crops.tolist() == [[0, 0, 0], [29.5, 49.5, 1.25 * 79]]


@given(
    st.floats(-300, 900), st.floats(-300, 900), st.floats(2, 2000), st.floats(2, 2000),
)  # fmt: skip
def test_published_squares_cover_their_box_on_the_picture(
    x: float, y: float, w: float, h: float
) -> None:
    box = torch.tensor([x, y, x + w, y + h], dtype=torch.float64)
    crop, usable = published_square(box, 640, 480, scale=1.0)
    if usable:
        low, high = crop[:2] - crop[2] / 2, crop[:2] + crop[2] / 2
        across = min(639.0, max(x, 0.0) + w - 1) - max(x, 0.0)
        down = min(479.0, max(y, 0.0) + h - 1) - max(y, 0.0)
        assert float(crop[2]) == pytest.approx(max(across, down), abs=1e-9)
        assert float(low[0]) <= max(x, 0.0) + 1e-9 and float(high[0]) >= max(x, 0.0) + across - 1e-9
        assert float(low[1]) <= max(y, 0.0) + 1e-9 and float(high[1]) >= max(y, 0.0) + down - 1e-9
    else:
        assert x > 637 or y > 477 or w <= 2 or h <= 2
