"""cv_bridge's functions: what goes in comes out, in every direction and kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pear_ros.messages import codec
from pear_ros.messages.bridge import cv2_to_imgmsg, imgmsg_to_cv2
from pear_ros.messages.images import ImageError
from pear_ros.messages.pictures import compressed_image, image


def blank() -> Any:
    stamp = SimpleNamespace(sec=1, nanosec=2)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp, frame_id="eye"))


@pytest.mark.parametrize(
    ("encoding", "dtype", "channels"),
    [
        ("bgr8", "u1", 3),
        ("mono8", "u1", 1),
        ("16UC1", "u2", 1),
        ("32FC1", "f4", 1),
        ("16UC1", ">u2", 1),
    ],
)
def test_there_and_back(rng: np.random.Generator, encoding: str, dtype: str, channels: int) -> None:
    shape = (4, 6) if channels == 1 else (4, 6, channels)
    pixels = rng.integers(0, 200, shape).astype(dtype)
    message = cv2_to_imgmsg(pixels, encoding, blank)
    assert (message.height, message.width, message.encoding) == (4, 6, encoding)
    assert message.step == 6 * channels * pixels.itemsize
    assert message.is_bigendian == (dtype[0] == ">")
    np.testing.assert_array_equal(imgmsg_to_cv2(message), pixels)


def test_the_header_is_taken_over() -> None:
    header = SimpleNamespace(frame_id="other")
    assert cv2_to_imgmsg(np.zeros((2, 2), np.uint8), "mono8", blank, header).header is header


def test_colours_are_converted(rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 255, (4, 6, 3), np.uint8)
    message = codec.deserialize(image(rgb, 1, "eye"), codec.IMAGE)
    np.testing.assert_array_equal(imgmsg_to_cv2(message), rgb)
    np.testing.assert_array_equal(imgmsg_to_cv2(message, "bgr8"), rgb[..., ::-1])
    rgba = imgmsg_to_cv2(message, "rgba8")
    np.testing.assert_array_equal(rgba[..., :3], rgb)
    assert (rgba[..., 3] == 255).all()
    # BT.601 luma, as everybody's grey.
    grey = rgb @ [0.299, 0.587, 0.114]
    assert np.abs(imgmsg_to_cv2(message, "mono8") - grey).max() <= 1


def test_compressed_pictures_come_as_bgr() -> None:
    blue = np.zeros((16, 16, 3), np.uint8)
    blue[..., 0] = 250
    message = codec.deserialize(compressed_image(blue, 1, "eye"), codec.COMPRESSED_IMAGE)
    assert imgmsg_to_cv2(message)[..., 0].min() > 230
    assert imgmsg_to_cv2(message, "rgb8")[..., 2].min() > 230


def test_padded_rows_pass_through_without_the_padding() -> None:
    message = blank()
    message.height, message.width, message.encoding, message.step = 2, 2, "mono8", 5
    message.is_bigendian, message.data = 0, np.array([1, 2, 9, 9, 9, 3, 4], np.uint8)
    np.testing.assert_array_equal(imgmsg_to_cv2(message), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (np.zeros((2, 2, 3), np.uint8), "mono8"),
        (np.zeros((2, 2), np.float64), "32FC1"),
        (np.zeros((2, 2), np.uint8), "jpeg"),
        (np.zeros(4, np.uint8), "mono8"),
    ],
)
def test_pixels_of_another_encoding_are_refused(pixels: np.ndarray, encoding: str) -> None:
    with pytest.raises(ImageError, match="not of this encoding"):
        cv2_to_imgmsg(pixels, encoding, blank)


def test_unknown_encodings_and_cut_off_data_are_refused() -> None:
    message = cv2_to_imgmsg(np.zeros((2, 2), np.uint8), "mono8", blank)
    with pytest.raises(ImageError, match="cannot convert"):
        imgmsg_to_cv2(message, "hsv")
    message.data = message.data[:3]
    with pytest.raises(ImageError, match="cut off"):
        imgmsg_to_cv2(message)
    message.encoding = "nv12"
    with pytest.raises(ImageError, match="pass this encoding"):
        imgmsg_to_cv2(message)
