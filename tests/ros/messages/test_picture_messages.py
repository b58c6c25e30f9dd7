"""Image and CompressedImage messages decoded by rosbags and by our own reader."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pear_ros.messages import codec, images
from pear_ros.messages.pictures import compressed_image, image


@pytest.mark.parametrize(
    ("encoding", "shape"), [("rgb8", (3, 5, 3)), ("bgra8", (2, 4, 4)), ("mono8", (4, 7))]
)
def test_raw_pictures(rng: np.random.Generator, encoding: str, shape: tuple[int, ...]) -> None:
    pixels = rng.integers(0, 255, shape, np.uint8)
    raw = image(pixels, 5_000_000_006, "eye", encoding)
    message = codec.deserialize(raw, codec.IMAGE)
    assert codec.serialize(message, codec.IMAGE) == raw
    assert (message.height, message.width, message.encoding) == (*shape[:2], encoding)
    assert message.step == len(message.data) // shape[0]
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (5, 6)
    np.testing.assert_array_equal(np.asarray(message.data).reshape(shape), pixels)


def test_jpeg_is_written_from_bgr() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[..., 0] = 250  # blue
    raw = compressed_image(pixels, 7, "eye", 95)
    message = codec.deserialize(raw, codec.COMPRESSED_IMAGE)
    assert codec.serialize(message, codec.COMPRESSED_IMAGE) == raw
    back = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR)
    assert np.abs(back.astype(int) - pixels).max() < 12
    rgb = images.decode(raw, codec.COMPRESSED_IMAGE)
    assert rgb[..., 2].min() > 230 and rgb[..., 0].max() < 20
