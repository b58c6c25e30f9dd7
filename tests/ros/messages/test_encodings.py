"""Every encoding against pixels packed by hand, with and without padding, in both byte orders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.messages.encodings import ENCODINGS
from pear_ros.messages.images import RawImage, decode_raw

Bytes = np.ndarray
HEIGHT, WIDTH = 6, 8


def raw(encoding: str, rows: Bytes, *, padding: int = 0, big: bool = False) -> RawImage:
    """rows (R, B) uint8: the bytes of each stored row."""
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    height = rows.shape[0] * ENCODINGS[encoding].rows[1] // ENCODINGS[encoding].rows[0]
    encoded = ENCODINGS[encoding]
    width = rows.shape[1] * 8 // (encoded.row_samples * encoded.depth)
    data = memoryview(padded.tobytes())
    return RawImage(0, "", height, width, encoding, big, padded.shape[1], data)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def rows8(pixels: np.ndarray) -> Bytes:
    return pixels.astype(np.uint8).reshape(len(pixels), -1)


def rows16(pixels: np.ndarray, big: bool) -> Bytes:
    return pixels.astype(">u2" if big else "<u2").reshape(len(pixels), -1).view(np.uint8)


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 7)], axis=2)


COLOUR: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rgb": lambda rgb: rgb,
    "bgr": lambda rgb: rgb[..., ::-1],
    "rgba": with_alpha,
    "bgra": lambda rgb: with_alpha(rgb[..., ::-1]),
}


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("name", COLOUR)
def test_colour_8(name: str, padding: int) -> None:
    image = raw(f"{name}8", rows8(COLOUR[name](picture())), padding=padding)
    np.testing.assert_array_equal(decode_raw(image), picture())


@pytest.mark.parametrize(
    ("ours", "opencv"), [("bgr8", "8UC3"), ("bgra8", "8UC4"), ("mono8", "8UC1")]
)
def test_opencv_names_mean_opencv_order(ours: str, opencv: str) -> None:
    channels = ENCODINGS[ours].row_samples
    rows = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH * channels), np.uint8)
    np.testing.assert_array_equal(decode_raw(raw(ours, rows)), decode_raw(raw(opencv, rows)))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("name", COLOUR)
def test_colour_16(name: str, big: bool) -> None:
    deep = picture().astype(np.uint16) * 257
    image = raw(f"{name}16", rows16(COLOUR[name](deep), big), big=big, padding=4)
    np.testing.assert_array_equal(decode_raw(image), picture())


def test_every_16_bit_value_is_rounded_to_the_nearest() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    grey = decode_raw(raw("mono16", rows16(values, False)))
    exact = np.round(values.astype(np.float64) * 255 / 65535).astype(np.uint8)
    for channel in range(3):
        np.testing.assert_array_equal(grey[..., channel], exact)


def test_big_endian_says_nothing_about_bytes() -> None:
    image = raw("rgb8", rows8(picture()), big=True)
    np.testing.assert_array_equal(decode_raw(image), picture())


@pytest.mark.parametrize("name", ["mono8", "8UC1"])
def test_grey_has_three_equal_channels(name: str) -> None:
    grey = picture()[..., 0]
    decoded = decode_raw(raw(name, grey, padding=3))
    np.testing.assert_array_equal(decoded, np.repeat(grey[..., None], 3, axis=2))


PATTERNS = {"rggb": "RGGB", "bggr": "BGGR", "gbrg": "GBRG", "grbg": "GRBG"}


def mosaic(rgb: np.ndarray, pattern: str) -> np.ndarray:
    """The sample that a sensor with this pattern (rows 0 and 1, columns 0 and 1) takes."""
    out = np.empty(rgb.shape[:2], rgb.dtype)
    for v in range(rgb.shape[0]):
        for u in range(rgb.shape[1]):
            out[v, u] = rgb[v, u, "RGB".index(pattern[2 * (v % 2) + u % 2])]
    return out


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("size", [(6, 8), (5, 7), (3, 3)])
def test_bayer_gives_back_a_plain_colour_up_to_the_edges(
    name: str, depth: int, size: tuple[int, int]
) -> None:
    rgb = np.broadcast_to(np.array([200, 120, 30], np.uint16), (*size, 3))
    samples = mosaic(rgb * (257 if depth == 16 else 1), PATTERNS[name])
    rows = rows8(samples) if depth == 8 else rows16(samples, True)
    decoded = decode_raw(raw(f"bayer_{name}{depth}", rows, padding=6, big=True))
    np.testing.assert_array_equal(decoded, rgb)


@pytest.mark.parametrize("name", PATTERNS)
def test_bayer_keeps_colours_in_their_place(name: str) -> None:
    """Ramps along both axes, which bilinear interpolation gives back exactly."""
    v, u = np.mgrid[0:10, 0:12]
    rgb = np.stack([20 + 4 * u, 60 + 6 * v, 200 - 4 * u - 4 * v], axis=2).astype(np.uint8)
    decoded = decode_raw(raw(f"bayer_{name}8", rows8(mosaic(rgb, PATTERNS[name]))))
    inside = np.s_[2:-2, 2:-2]
    assert np.abs(decoded[inside].astype(int) - rgb[inside]).max() <= 1


YUV = {
    (235, 128, 128): (255, 255, 255),
    (16, 128, 128): (0, 0, 0),
    (126, 128, 128): (128, 128, 128),
    (81, 90, 240): (255, 0, 0),
    (145, 54, 34): (0, 255, 0),
    (41, 240, 110): (0, 0, 255),
}
"""BT.601, limited range: white, black, grey and the primaries (ITU-R BT.601 studio values)."""


def yuv_rows(encoding: str, y: int, u: int, v: int) -> Bytes:
    luma = np.full((HEIGHT, WIDTH), y)
    if encoding in ("yuv422", "uyvy"):
        rows = np.tile([u, y, v, y], (HEIGHT, WIDTH // 2))
    elif encoding in ("yuv422_yuy2", "yuyv"):
        rows = np.tile([y, u, y, v], (HEIGHT, WIDTH // 2))
    elif encoding == "nv24":
        rows = np.concatenate([luma, np.tile([u, v], (2 * HEIGHT, WIDTH // 2))])
    else:
        pair = [u, v] if encoding == "nv12" else [v, u]
        rows = np.concatenate([luma, np.tile(pair, (HEIGHT // 2, WIDTH // 2))])
    return rows.astype(np.uint8)


YUV_NAMES = ("yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21", "nv24")


@pytest.mark.parametrize("encoding", YUV_NAMES)
@pytest.mark.parametrize("yuv", YUV)
def test_yuv_colours(encoding: str, yuv: tuple[int, int, int]) -> None:
    padding = 0 if encoding == "nv24" else 4
    decoded = decode_raw(raw(encoding, yuv_rows(encoding, *yuv), padding=padding))
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(decoded.astype(int) - YUV[yuv]).max() <= 2


@pytest.mark.parametrize("encoding", YUV_NAMES)
def test_yuv_luma_keeps_its_place(encoding: str) -> None:
    luma = np.random.default_rng(2).integers(16, 236, (HEIGHT, WIDTH))
    rows = yuv_rows(encoding, 0, 128, 128)
    if encoding.startswith("nv"):
        rows[:HEIGHT] = luma
    else:
        rows[:, (1 if encoding in ("yuv422", "uyvy") else 0) :: 2] = luma
    decoded = decode_raw(raw(encoding, rows))
    grey = np.round((luma - 16) * 255 / 219)
    assert np.abs(decoded - grey[..., None]).max() <= 1


@pytest.mark.parametrize("encoding", YUV_NAMES)
def test_yuv_colour_keeps_its_place(encoding: str) -> None:
    """The left half is red, the right half blue."""
    left, right = yuv_rows(encoding, 81, 90, 240), yuv_rows(encoding, 41, 240, 110)
    rows = np.concatenate([left[:, : left.shape[1] // 2], right[:, right.shape[1] // 2 :]], axis=1)
    if encoding == "nv24":
        # A chroma row of the picture takes two stored rows here: the first is its left half.
        rows[HEIGHT::2], rows[HEIGHT + 1 :: 2] = left[HEIGHT::2], right[HEIGHT + 1 :: 2]
    decoded = decode_raw(raw(encoding, rows)).astype(int)
    assert np.abs(decoded[:, : WIDTH // 2] - [255, 0, 0]).max() <= 2
    assert np.abs(decoded[:, WIDTH // 2 :] - [0, 0, 255]).max() <= 2


@given(st.sampled_from(sorted(ENCODINGS)), st.integers(2, 5), st.integers(2, 5), st.integers(0, 9))
def test_padding_changes_nothing(name: str, height: int, width: int, padding: int) -> None:
    encoding = ENCODINGS[name]
    height, width = 2 * height, 2 * width
    shape = (encoding.stored_rows(height), encoding.row_bytes(width))
    rows = np.random.default_rng(height * width).integers(0, 256, shape, np.uint8)
    plain = decode_raw(raw(name, rows))
    assert plain.shape == (height, width, 3)
    assert plain.dtype == np.uint8
    if encoding.padded:
        np.testing.assert_array_equal(decode_raw(raw(name, rows, padding=padding)), plain)
