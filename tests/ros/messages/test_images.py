"""Image messages: views, compressed pictures, and everything that can be wrong with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.messages import codec, images
from pear_ros.messages.encodings import ENCODINGS
from pear_ros.messages.images import CompressedImage, ImageError, RawImage, decode

KINDS = {"encoding", "size", "step", "truncated", "unreadable"}
TYPES = codec.typestore().types


def header() -> Any:
    return TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](3, 4), "eye")


def image_message(pixels: np.ndarray, encoding: str = "rgb8", **changes: Any) -> Any:
    values: dict[str, Any] = {
        "header": header(),
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": pixels[0].nbytes,
        "data": pixels.reshape(-1),
    }
    return TYPES[codec.IMAGE](**values | changes)


def compressed_message(data: bytes, kind: str) -> Any:
    return TYPES[codec.COMPRESSED_IMAGE](header(), kind, np.frombuffer(data, np.uint8))


def smooth() -> np.ndarray:
    """A picture that JPEG keeps well, with three different channels."""
    v, u = np.mgrid[0:64, 0:96]
    return np.stack([u * 2, v * 3, 255 - u - v], axis=2).astype(np.uint8)


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    assert done
    return data.tobytes()


def test_raw_bytes_become_a_view() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    raw = codec.serialize(image_message(pixels), codec.IMAGE)
    decoded = decode(raw)
    np.testing.assert_array_equal(decoded, pixels)
    assert np.shares_memory(decoded, np.frombuffer(raw, np.uint8))
    assert not decoded.flags.writeable


def test_message_objects_and_bytes_say_the_same() -> None:
    message = image_message(smooth()[..., ::-1].copy(), "bgr8")
    raw = codec.serialize(message, codec.IMAGE)
    np.testing.assert_array_equal(decode(message), smooth())
    np.testing.assert_array_equal(decode(memoryview(raw)), smooth())
    parsed = images.parse(raw)
    assert isinstance(parsed, RawImage)
    assert (parsed.stamp, parsed.frame_id) == (3_000_000_004, "eye")
    assert (parsed.height, parsed.width, parsed.encoding) == (64, 96, "bgr8")


def test_lists_of_octets_are_taken_as_rclpy_gives_them() -> None:
    from array import array

    message = image_message(smooth(), data=array("B", smooth().tobytes()))
    np.testing.assert_array_equal(decode(message), smooth())


@pytest.mark.parametrize(
    "kind", ["jpeg", "jpg", "bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed bgr8", ""]
)
def test_jpeg(kind: str) -> None:
    raw = codec.serialize(
        compressed_message(encoded(smooth(), ".jpg"), kind), codec.COMPRESSED_IMAGE
    )
    decoded = decode(raw, codec.COMPRESSED_IMAGE)
    assert decoded.shape == (64, 96, 3)
    assert np.abs(decoded.astype(int) - smooth()).mean() < 2


@pytest.mark.parametrize("kind", ["png", "rgb8; png compressed bgr8", "rgb8; png compressed "])
def test_png_is_exact(kind: str) -> None:
    message = compressed_message(encoded(smooth(), ".png"), kind)
    np.testing.assert_array_equal(decode(message), smooth())


def test_grey_and_16_bit_png() -> None:
    grey = smooth()[..., 0]
    for pixels in (grey, grey.astype(np.uint16) * 257):
        decoded = decode(compressed_message(encoded(pixels, ".png"), "mono8; png compressed mono8"))
        np.testing.assert_array_equal(decoded, np.repeat(grey[..., None], 3, axis=2))


def test_pictures_that_were_compressed_as_rgb() -> None:
    """image_transport's subscriber takes the decoded bytes as RGB where the format says so."""
    data = encoded(smooth()[..., ::-1], ".png")
    message = compressed_message(data, "rgb8; png compressed rgb8")
    np.testing.assert_array_equal(decode(message), smooth())


def fault(message: Any, type_name: str = codec.IMAGE) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(message, type_name)
    assert caught.value.kind in KINDS
    return caught.value


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"encoding": "32FC1"}, "encoding", "'32FC1'"),
        ({"encoding": ""}, "encoding", "unknown image encoding"),
        ({"width": 0}, "size", "0 x 64"),
        ({"height": 0}, "size", "empty"),
        ({"step": 0}, "step", "at least 288"),
        ({"step": 287}, "step", "287"),
        ({"data": smooth().reshape(-1)[:-1]}, "truncated", "18432"),
        ({"height": 65}, "truncated", "18720"),
        ({"height": 2**32 - 1}, "truncated", "cut off"),
        ({"encoding": "yuyv", "width": 95}, "size", "even"),
        ({"encoding": "nv12", "height": 63}, "size", "even"),
        ({"encoding": "bayer_rggb8", "width": 2}, "size", "Bayer"),
        ({"encoding": "nv24", "width": 90}, "step", "a step of 90"),
    ],
)
def test_wrong_images(changes: dict[str, Any], kind: str, words: str) -> None:
    error = fault(image_message(smooth(), **changes))
    assert error.kind == kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "size", "empty"),
        (b"\xff\xd8\xff", "truncated", "end marker"),
        (b"\xff\xd8\xff\xff\xd9", "unreadable", "cannot be decoded"),
        (b"not a picture at all", "encoding", "JPEG or PNG"),
    ],
)
def test_wrong_compressed_images(data: bytes, kind: str, words: str) -> None:
    error = fault(compressed_message(data, "jpeg"))
    assert error.kind == kind
    assert words in str(error)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_cut_off_pictures_are_noticed(suffix: str, share: float) -> None:
    data = encoded(smooth(), suffix)
    assert fault(compressed_message(data[: int(len(data) * share)], suffix[1:])).kind == "truncated"


def test_depth_is_no_picture() -> None:
    data = b"\0" * 12 + encoded(smooth(), ".png")
    assert fault(compressed_message(data, "16UC1; compressedDepth png")).kind == "encoding"


@pytest.mark.parametrize("type_name", [codec.IMAGE, codec.COMPRESSED_IMAGE])
def test_bytes_cut_off_anywhere(type_name: str) -> None:
    message = (
        image_message(smooth()[:2, :4].copy())
        if type_name == codec.IMAGE
        else compressed_message(encoded(smooth()[:2, :4], ".png"), "png")
    )
    raw = codec.serialize(message, type_name)
    assert decode(raw, type_name).shape == (2, 4, 3)
    for end in range(len(raw)):
        fault(raw[:end], type_name)


def test_other_message_types_are_refused() -> None:
    raw = codec.serialize(image_message(smooth()), codec.IMAGE)
    assert fault(raw, "std_msgs/msg/String").kind == "encoding"


@given(
    st.sampled_from([*ENCODINGS, "rgb9", ""]),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 80),
    st.binary(max_size=400),
    st.booleans(),
)
def test_any_image_is_a_picture_or_one_clear_error(
    encoding: str, height: int, width: int, step: int, data: bytes, big: bool
) -> None:
    image = RawImage(0, "", height, width, encoding, big, step, memoryview(data))
    try:
        decoded = decode(image)
    except ImageError as error:
        assert error.kind in KINDS
    else:
        assert decoded.shape == (height, width, 3)
        assert decoded.dtype == np.uint8


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"]))
def test_any_compressed_bytes_are_a_picture_or_one_clear_error(data: bytes, head: bytes) -> None:
    try:
        decode(CompressedImage(0, "", "jpeg", memoryview(head + data)))
    except ImageError as error:
        assert error.kind in KINDS


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_one_wrong_byte_is_never_worse_than_an_error(at: int, value: int) -> None:
    raw = bytearray(codec.serialize(image_message(smooth()[:4, :4].copy()), codec.IMAGE))
    raw[at % len(raw)] = value
    try:
        decode(bytes(raw))
    except ImageError as error:
        assert error.kind in KINDS


def test_a_parsed_image_can_be_decoded_again() -> None:
    parsed = images.parse(codec.serialize(image_message(smooth()), codec.IMAGE))
    assert isinstance(parsed, RawImage)
    np.testing.assert_array_equal(decode(replace(parsed, encoding="bgr8")), smooth()[..., ::-1])
