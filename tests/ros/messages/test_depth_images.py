"""Depth images to metres: both encodings, both byte orders, padding, compressedDepth, and faults."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.messages import codec
from pear_ros.messages.depth import decode_depth
from pear_ros.messages.images import ImageError

NAN = np.float32(np.nan)


def image(
    data: bytes, height: int, width: int, encoding: str, *, step: int, big: bool = False
) -> bytes:
    out = codec.CdrWriter()
    out.header(1, "eye")
    out.pack("2I", height, width)
    out.string(encoding)
    out.pack("B", int(big))
    out.pack("I", step)
    out.octets(data)
    return out.finish()


def raw(samples: np.ndarray, encoding: str, *, big: bool = False, padding: int = 0) -> bytes:
    stored = samples.astype(samples.dtype.newbyteorder(">" if big else "<"))
    rows = [row.tobytes() + b"\xaa" * padding for row in stored]
    step = samples.shape[1] * samples.itemsize + padding
    return image(b"".join(rows), *samples.shape, encoding, step=step, big=big)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 2, 5])
def test_16uc1_is_millimetres(big: bool, padding: int) -> None:
    samples = np.array([[0, 1, 1000], [2345, 65535, 256]], np.uint16)
    depth = decode_depth(raw(samples, "16UC1", big=big, padding=padding))
    assert depth.dtype == np.float32 and depth.flags.writeable
    expected = np.float32([[NAN, 0.001, 1], [2.345, 65.535, 0.256]])
    np.testing.assert_array_equal(depth, expected)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 3, 4])
def test_32fc1_is_metres(big: bool, padding: int) -> None:
    samples = np.float32([[0, -1, np.inf, 1e-40], [-np.inf, NAN, 3.25, 3e38], [-0.0, 1, 2, 9]])
    depth = decode_depth(raw(samples, "32FC1", big=big, padding=padding))
    assert depth.dtype == np.float32 and depth.flags.writeable
    good = np.isfinite(samples) & (samples > 0)
    np.testing.assert_array_equal(depth, np.where(good, samples, NAN))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4))
def test_every_bit_pattern_of_a_float_is_a_positive_depth_or_unknown(bits: list[int]) -> None:
    samples = np.array([bits], np.uint32).view(np.float32)
    depth = decode_depth(raw(samples, "32FC1"))
    for found, given_ in zip(depth[0], samples[0], strict=True):
        if np.isfinite(given_) and given_ > 0:
            assert found == given_
        else:
            assert np.isnan(found)


def test_message_objects_are_read_too() -> None:
    samples = np.array([[1500, 0]], np.uint16)
    message = codec.deserialize(raw(samples, "16UC1"), codec.IMAGE)
    np.testing.assert_array_equal(decode_depth(message), np.float32([[1.5, NAN]]))


def test_the_padding_behind_the_last_row_may_be_missing() -> None:
    samples = np.array([[1000, 2000], [3000, 4000]], "<u2")
    data = samples[0].tobytes() + b"\0\0" + samples[1].tobytes()
    depth = decode_depth(image(data, 2, 2, "16UC1", step=6))
    np.testing.assert_array_equal(depth, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (image(b"\0" * 12, 2, 2, "rgb8", step=6), "encoding"),
        (image(b"", 0, 0, "16UC1", step=0), "size"),
        (image(b"\0" * 8, 2, 2, "16UC1", step=3), "step"),
        (image(b"\0" * 7, 2, 2, "16UC1", step=4), "truncated"),
        (image(b"\0" * 8, 2**30, 2, "16UC1", step=4), "truncated"),
        (image(b"\0" * 8, 2, 2, "16UC1", step=4)[:-3], "truncated"),
        (b"", "truncated"),
    ],
)
def test_faults_are_named(message: bytes, kind: str) -> None:
    with pytest.raises(ImageError) as error:
        decode_depth(message)
    assert error.value.kind == kind


def compressed(data: bytes, name: str, scale: float = 0.0, offset: float = 0.0) -> bytes:
    out = codec.CdrWriter()
    out.header(1, "eye")
    out.string(name)
    out.octets(struct.pack("<iff", 0, scale, offset) + data)
    return out.finish()


def png(samples: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", samples)[1])


@pytest.mark.parametrize("name", ["16UC1; compressedDepth png", "16UC1; compressedDepth"])
def test_compressed_depth_of_millimetres(name: str) -> None:
    samples = np.array([[0, 1500], [65535, 3]], np.uint16)
    depth = decode_depth(compressed(png(samples), name), codec.COMPRESSED_IMAGE)
    np.testing.assert_array_equal(depth, np.float32([[NAN, 1.5], [65.535, 0.003]]))


def test_compressed_depth_of_metres_is_inverse_depth() -> None:
    # compressed_depth_image_transport: sample = scale / depth + offset.
    metres, scale, offset = np.array([[0.5, 2.0, 8.0]]), 10_100.0, -100.5
    samples = np.concatenate([np.rint(scale / metres + offset), [[0]]], axis=1).astype(np.uint16)
    message = compressed(png(samples), "32FC1; compressedDepth png", scale, offset)
    depth = decode_depth(message, codec.COMPRESSED_IMAGE)
    np.testing.assert_allclose(depth[0, :3], metres[0], rtol=1e-3)
    assert np.isnan(depth[0, 3])


GOOD = png(np.full((8, 8), 1000, np.uint16))


@pytest.mark.parametrize(
    ("data", "name", "kind", "says"),
    [
        (GOOD, "16UC1; compressedDepth rvl", "encoding", "RVL"),
        (GOOD, "rgb8; jpeg compressed bgr8", "encoding", "not a depth image"),
        (b"", "16UC1; compressedDepth png", "truncated", "cut off"),
        (GOOD[:-20], "16UC1; compressedDepth png", "truncated", "cut off"),
        (b"\1\2\3", "16UC1; compressedDepth png", "encoding", "format"),
        (png(np.zeros((8, 8), np.uint8)), "16UC1; compressedDepth png", "unreadable", "16-bit"),
        (png(np.zeros((8, 8, 3), np.uint16)), "16UC1; compressedDepth png", "unreadable", "grey"),
        (GOOD[:40] + b"\0" * 9 + GOOD[49:], "16UC1; compressedDepth", "unreadable", "decoded"),
    ],
)
def test_faults_of_compressed_depth_are_named(data: bytes, name: str, kind: str, says: str) -> None:
    with pytest.raises(ImageError, match=says) as error:
        decode_depth(compressed(data, name), codec.COMPRESSED_IMAGE)
    assert error.value.kind == kind


@given(at=st.integers(0, 300), junk=st.binary(min_size=1, max_size=3))
def test_damaged_messages_give_depth_or_one_error(at: int, junk: bytes) -> None:
    samples = np.full((6, 7), 1000, np.uint16)
    for whole, kind in (
        (raw(samples, "16UC1"), codec.IMAGE),
        (compressed(GOOD, "16UC1; compressedDepth png"), codec.COMPRESSED_IMAGE),
    ):
        place = at % len(whole)
        damaged = whole[:place] + junk + whole[place + len(junk) :]
        try:
            depth = decode_depth(damaged, kind)
        except ImageError:
            continue
        assert depth.ndim == 2 and not (depth <= 0).any()
