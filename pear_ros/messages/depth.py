"""Depth images to metres: raw 16UC1 and 32FC1, and compressedDepth's PNG."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec, images
from pear_ros.messages.images import CompressedImage, ImageError, RawImage
from pear_ros.types import FloatArray

_TYPES = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}
_MILLIMETRES = np.arange(65536, dtype=np.float32) / 1000
_MILLIMETRES[0] = np.nan
"""Metres of every 16-bit sample: one look-up converts and marks the unknown."""
_INFINITY, _QUIET_NAN = np.uint32(0x7F800000), np.uint32(0x7FC00000)
_CONFIG = 12
"""Bytes before a compressedDepth picture: its format (int32) and two parameters (float32)."""


def decode_depth(message: Any, type_name: str = codec.IMAGE) -> FloatArray:
    """A depth image as metres (H, W) float32, NaN where unknown; the caller's own array.

    message: CDR bytes of `type_name` (sensor_msgs Image or CompressedImage) or a message object.
    16UC1 counts millimetres, 32FC1 metres (REP-118); 0, negative and infinite depths are unknown.
    compressedDepth: PNG of either. Raises: ImageError, whose kind says what is wrong.
    """
    picture = images.parse(message, type_name)
    return _raw(picture) if isinstance(picture, RawImage) else _compressed(picture)


def _raw(picture: RawImage) -> FloatArray:
    kind = _TYPES.get(picture.encoding)
    if kind is None:
        raise ImageError("encoding", "not a depth encoding", expected=" or ".join(_TYPES),
                         found=repr(picture.encoding[:40]))  # fmt: skip
    dtype = np.dtype((">" if picture.is_bigendian else "<") + kind)
    width, height = picture.width, picture.height
    need = width * dtype.itemsize
    if width == 0 or height == 0:
        raise ImageError("size", "empty image", found=f"{width} x {height}")
    if picture.step < need:
        expected = f"a step of at least {need} bytes for {width} pixels of {picture.encoding}"
        raise ImageError("step", "wrong row length", expected=expected, found=str(picture.step))
    # The padding behind the last row may be missing.
    total = picture.step * (height - 1) + need
    if len(picture.data) < total:
        raise ImageError("truncated", "image data is cut off",
                         expected=f"{total} bytes for {width} x {height}",
                         found=str(len(picture.data)))  # fmt: skip
    strides = (picture.step, dtype.itemsize)
    samples = np.ndarray((height, width), dtype, picture.data, strides=strides)
    native = np.ascontiguousarray(samples, dtype.newbyteorder("="))
    return _from_millimetres(native) if kind == "u2" else _known(native)


def _from_millimetres(samples: NDArray[np.uint16]) -> FloatArray:
    # Every sample is an index; "clip" only spares the check of that.
    return np.take(_MILLIMETRES, samples, mode="clip")


def _known(metres: NDArray[np.float32]) -> FloatArray:
    """NaN wherever a sample is not positive and finite.

    On the bits, which is three times faster than comparing: the good ones are 1 to _INFINITY - 1,
    and setting the bits of a quiet NaN makes a NaN of anything.
    """
    bits = metres.view(np.uint32)
    bad = (bits - np.uint32(1)) >= _INFINITY - np.uint32(1)
    return (bits | (bad * _QUIET_NAN)).view(np.float32)


def _compressed(picture: CompressedImage) -> FloatArray:
    name = picture.format
    if "compresseddepth" not in name.lower():
        raise ImageError("encoding", "not a depth image", expected="format '...; compressedDepth'",
                         found=repr(name[:40]))  # fmt: skip
    if "rvl" in name.lower():
        raise ImageError("encoding", "RVL compression of depth images is not supported",
                         expected="the publisher's parameter compressedDepth.format set to png",
                         found=repr(name[:40]))  # fmt: skip
    if len(picture.data) <= _CONFIG:
        raise ImageError("truncated", "image data is cut off", expected=f"more than {_CONFIG} bytes",
                         found=str(len(picture.data)))  # fmt: skip
    _, scale, offset = struct.unpack_from("<iff", picture.data)
    data = picture.data[_CONFIG:]
    images.check_complete(data, "compressedDepth")
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        samples = None
    if samples is None or samples.dtype != np.uint16 or samples.ndim != 2:
        found = "no picture" if samples is None else f"{samples.dtype} {samples.shape}"
        raise ImageError("unreadable", "depth image cannot be decoded",
                         expected="a PNG of 16-bit grey", found=found)  # fmt: skip
    if not name.startswith("32FC1"):
        return _from_millimetres(samples)
    # 32FC1 is stored as inverse depth in steps: depth = scale / (sample - offset), 0 is unknown.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        metres = np.float32(scale) / (samples.astype(np.float32) - np.float32(offset))
    metres[samples == 0] = np.nan
    return _known(metres)
