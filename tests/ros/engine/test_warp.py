"""Crops against bilinear sampling written out in numpy, and against hand-computed pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pear_ros.engine.warp import strips
from pear_ros.problems import PearError
from pear_ros.types import Crop


def sampled(image: NDArray[np.uint8], crop: Crop) -> NDArray[np.float64]:
    """Strip (256, 192, 3) in [0, 255] by the formula of the facts, one sum of four neighbours."""
    step = crop.side / 256
    x = crop.cx - crop.side / 2 + (np.arange(192) + 32) * step
    y = crop.cy - crop.side / 2 + np.arange(256) * step
    padded = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    height, width = padded.shape[:2]

    def corners(position: NDArray[np.float64], size: int) -> tuple[NDArray, NDArray, NDArray]:
        low = np.floor(position).astype(int)
        return np.clip(low + 1, 0, size - 1), np.clip(low + 2, 0, size - 1), position - low

    x0, x1, fx = corners(x, width)
    y0, y1, fy = corners(y, height)
    fx, fy = fx[None, :, None], fy[:, None, None]
    top = padded[y0][:, x0] * (1 - fx) + padded[y0][:, x1] * fx
    bottom = padded[y1][:, x0] * (1 - fx) + padded[y1][:, x1] * fx
    return top * (1 - fy) + bottom * fy


def smooth_image(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x * rng.uniform(0.01, 0.05) + y * rng.uniform(0.01, 0.05)) for _ in range(3)]
    return (128 + 120 * np.stack(waves, axis=2)).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(
    cx=st.floats(-50, 690), cy=st.floats(-50, 530), side=st.floats(20, 900), seed=st.integers(0, 9)
)
def test_strip_is_bilinear_sampling(cx: float, cy: float, side: float, seed: int) -> None:
    image, crop = smooth_image(480, 640, seed), Crop(cx, cy, side)
    got = 255 * strips(image, [crop])[0].transpose(1, 2, 0).astype(np.float64)
    # OpenCV samples at 1/32 pixel and rounds to whole grey levels: on slopes of at most 12 per
    # pixel that is under one level; where the border is crossed a 1/32 of 255.
    assert np.abs(got - sampled(image, crop)).max() <= 255 / 32 + 1
    assert np.abs(got - sampled(image, crop)).mean() <= 0.5


def test_full_pixels_are_copied_without_a_shift() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    # Side 256, so one strip pixel is one image pixel; left edge 160 - 128 = 32, top 150 - 128 = 22.
    strip = strips(image, [Crop(160.0, 150.0, 256.0)])[0]
    expected = image[22 : 22 + 256, 32 + 32 : 32 + 224].transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_allclose(strip, expected, atol=1e-7)


def test_channels_stay_rgb() -> None:
    image = np.zeros((256, 256, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 255, 51, 0
    strip = strips(image, [Crop(128.0, 128.0, 256.0)])[0]
    np.testing.assert_allclose(strip[:, 100, 100], [1.0, 0.2, 0.0], atol=1e-7)


def test_square_of_double_size_takes_every_second_pixel() -> None:
    image = np.zeros((512, 512, 3), np.uint8)
    image[200, 300] = 255
    strip = strips(image, [Crop(256.0, 256.0, 512.0)])[0]
    # Pixel (300, 200) is square column 150, row 100; the strip begins at column 32.
    assert strip[0, 100, 150 - 32] == 1.0
    assert strip.sum() == 3.0
    image[:] = 0
    image[201, 301] = 255
    assert strips(image, [Crop(256.0, 256.0, 512.0)]).sum() == 0.0


def test_outside_is_black_and_the_edge_fades() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    strip = strips(image, [Crop(0.0, 50.0, 256.0)])[0]
    # The square spans x -128..127: strip column c shows x = c - 96.
    assert np.all(strip[:, :, :96] == 0.0)
    assert np.all(strip[:, 78:178, 96:] == 1.0)
    assert np.all(strip[:, :78] == 0.0) and np.all(strip[:, 178:] == 0.0)
    half = strips(image, [Crop(0.5, 50.0, 256.0)])[0]
    # Now x = c - 95.5: halfway between the black outside (-1) and the first pixel (0).
    np.testing.assert_allclose(half[0, 100, 94:97], [0.0, 128 / 255, 1.0], atol=1e-6)


def test_a_crop_far_outside_is_black() -> None:
    assert strips(np.full((50, 50, 3), 9, np.uint8), [Crop(1e4, -1e4, 80.0)]).sum() == 0.0


def test_all_crops_in_order_and_read_only_views() -> None:
    image = smooth_image(240, 320)
    image.flags.writeable = False
    crops = [Crop(100, 100, 120), Crop(200, 80, 60), Crop(160, 120, 300)]
    together = strips(image, crops)
    assert together.shape == (3, 3, 256, 192) and together.dtype == np.float32
    for i, crop in enumerate(crops):
        assert np.array_equal(strips(image, [crop])[0], together[i])
    bgr_seen_as_rgb = image[..., ::-1]
    swapped = strips(bgr_seen_as_rgb, crops)
    assert np.array_equal(swapped[:, ::-1], together)


def test_no_crops_is_an_empty_batch() -> None:
    assert strips(np.zeros((4, 4, 3), np.uint8), []).shape == (0, 3, 256, 192)


@pytest.mark.parametrize(
    "crop",
    [
        Crop(10, 10, 0.0), Crop(10, 10, -5.0), Crop(np.nan, 10, 20), Crop(10, np.inf, 20),
        Crop(10, 10, np.nan), Crop(10, 10, 1e9),
    ],
)  # fmt: skip
def test_crops_without_a_sound_area_are_refused(crop: Crop) -> None:
    with pytest.raises(PearError, match="not a usable crop; expected finite"):
        strips(np.zeros((40, 40, 3), np.uint8), [crop])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 40), np.uint8), np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40, 3), np.float32), np.zeros((0, 40, 3), np.uint8),
        np.zeros((1, 40_000, 3), np.uint8),
    ],
)  # fmt: skip
def test_other_images_are_refused(image: NDArray) -> None:
    with pytest.raises(PearError, match=r"engine: (not an RGB image|image size out of range)"):
        strips(image, [Crop(10, 10, 20)])
