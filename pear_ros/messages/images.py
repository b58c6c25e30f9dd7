"""Image and CompressedImage messages to RGB pixels; every fault is one `ImageError` that names its
kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec
from pear_ros.messages.encodings import ENCODINGS, Encoding
from pear_ros.problems import PearError

RgbImage = NDArray[np.uint8]


class ImageError(PearError):
    """An unreadable picture; kind: "encoding", "size", "step", "truncated" or "unreadable"."""

    def __init__(self, kind: str, what: str, *, expected: str = "", found: str = "") -> None:
        super().__init__(what, expected=expected, found=found)
        self.kind = kind


@dataclass(frozen=True)
class RawImage:
    """sensor_msgs/Image, its data still where the message lies; stamp in nanoseconds."""

    stamp: int
    frame_id: str
    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: memoryview


@dataclass(frozen=True)
class CompressedImage:
    """sensor_msgs/CompressedImage, its data still where the message lies; stamp in nanoseconds."""

    stamp: int
    frame_id: str
    format: str
    data: memoryview


def parse(message: Any, type_name: str = codec.IMAGE) -> RawImage | CompressedImage:
    """An image message as a view on it, nothing decoded and nothing copied.

    message: CDR bytes of `type_name`, or a message object (rosbags', rclpy's) of either image type.
    Raises: ImageError where the bytes are no such message.
    """
    if isinstance(message, (bytes, bytearray, memoryview)):
        return _parse_cdr(message, type_name)
    stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
    data = np.ascontiguousarray(message.data, np.uint8).data.cast("B")
    if hasattr(message, "encoding"):
        return RawImage(
            stamp,
            message.header.frame_id,
            int(message.height),
            int(message.width),
            message.encoding,
            bool(message.is_bigendian),
            int(message.step),
            data,
        )
    return CompressedImage(stamp, message.header.frame_id, message.format, data)


def _parse_cdr(raw: bytes | bytearray | memoryview, type_name: str) -> RawImage | CompressedImage:
    try:
        cdr = codec.CdrReader(raw)
        stamp, frame_id = cdr.header()
        if type_name == codec.COMPRESSED_IMAGE:
            return CompressedImage(stamp, frame_id, cdr.string(), cdr.octets())
        if type_name != codec.IMAGE:
            raise ImageError(
                "encoding", "not an image message", expected=codec.IMAGE, found=type_name
            )
        height, width = cdr.unpack("2I")
        encoding = cdr.string()
        (big,) = cdr.unpack("B")
        (step,) = cdr.unpack("I")
        return RawImage(stamp, frame_id, height, width, encoding, bool(big), step, cdr.octets())
    except ImageError:
        raise
    except PearError as error:
        raise ImageError(
            "truncated", error.what, expected=error.expected, found=error.found
        ) from None


def decode(message: Any, type_name: str = codec.IMAGE) -> RgbImage:
    """An image message as uint8 RGB (H, W, 3); a read-only view on it for rgb8 without padding.

    message: as for `parse`, or what `parse` returned. 16-bit samples are scaled by 1/257.
    Raises: ImageError, whose kind says what is wrong.
    """
    image = (
        message if isinstance(message, (RawImage, CompressedImage)) else parse(message, type_name)
    )
    try:
        return decode_raw(image) if isinstance(image, RawImage) else decode_compressed(image)
    except (cv2.error, MemoryError) as error:
        raise ImageError(
            "unreadable", "picture cannot be decoded", found=str(error).strip()
        ) from None


def decode_raw(image: RawImage) -> RgbImage:
    """Pixels of an uncompressed image."""
    encoding = ENCODINGS.get(image.encoding)
    if encoding is None:
        raise ImageError("encoding", "unknown image encoding", expected="a colour or grey encoding",
                         found=repr(image.encoding[:40]))  # fmt: skip
    _check(image, encoding)
    rows = _rows(image, encoding)
    converted = encoding.convert(rows)
    if encoding.depth == 16:
        # 65535 / 255 = 257 exactly, and no 16-bit value lies half way, so rounding is never
        # ambiguous.
        converted = cv2.convertScaleAbs(converted, alpha=1 / 257)
    if converted.ndim == 2 or converted.shape[2] == 1:
        converted = cv2.cvtColor(converted, cv2.COLOR_GRAY2RGB)
    return np.asarray(converted, np.uint8)


def _check(image: RawImage, encoding: Encoding) -> None:
    width, height = image.width, image.height
    size = f"{width} x {height}"
    if width == 0 or height == 0:
        raise ImageError("size", "empty image", found=size)
    if width % encoding.even[0] or height % encoding.even[1]:
        raise ImageError("size", f"{image.encoding} needs an even size", found=size)
    if image.encoding.startswith("bayer") and min(width, height) < 3:
        raise ImageError(
            "size", "image is smaller than its Bayer pattern", expected="3 x 3 or more", found=size
        )
    need = encoding.row_bytes(width)
    if image.step < need or (image.step > need and not encoding.padded):
        least = "at least " if encoding.padded else ""
        raise ImageError(
            "step",
            "wrong row length",
            expected=f"a step of {least}{need} bytes for {width} pixels of {image.encoding}",
            found=str(image.step),
        )
    # The padding behind the last row may be missing.
    total = image.step * (encoding.stored_rows(height) - 1) + need
    if len(image.data) < total:
        raise ImageError("truncated", "image data is cut off", expected=f"{total} bytes for {size}",
                         found=str(len(image.data)))  # fmt: skip


def _rows(image: RawImage, encoding: Encoding) -> NDArray[Any]:
    """View (rows, samples..., channels) without the padding, native byte order."""
    order = ">" if image.is_bigendian else "<"
    dtype: np.dtype[Any] = np.dtype("u1" if encoding.depth == 8 else f"{order}u2")
    channels = encoding.row_samples
    rows = np.ndarray(
        (encoding.stored_rows(image.height), image.width, channels),
        dtype,
        image.data,
        strides=(image.step, channels * dtype.itemsize, dtype.itemsize),
    )
    return np.ascontiguousarray(rows, dtype.newbyteorder("="))


def decode_compressed(image: CompressedImage) -> RgbImage:
    """Pixels of a JPEG or PNG image; the file's own signature counts, not the format text alone."""
    if "compresseddepth" in image.format.lower():
        raise ImageError(
            "encoding", "compressedDepth is a depth image", found=repr(image.format[:40])
        )
    data = np.frombuffer(image.data, np.uint8)
    if not data.size:
        raise ImageError("size", "empty image", found="0 bytes")
    check_complete(image.data, image.format)
    # Orientation tags are ignored: a camera's calibration belongs to the pixels as stored.
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ImageError(
            "unreadable", "picture cannot be decoded", found=f"format {image.format[:40]!r}"
        )
    if "compressed rgb" in image.format:
        # image_transport names the order it wrote in; "rgb" here means it swapped red and blue
        # before.
        return np.asarray(pixels, np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels), np.uint8)


def check_complete(data: memoryview, name: str) -> None:
    """Look for the end: OpenCV fills the lost part of a cut-off JPEG with grey, silently."""
    head = bytes(data[:8])
    if head[:3] == b"\xff\xd8\xff":
        octets = bytes(data)
        end = octets.rfind(b"\xff\xd9")
        if end < 0 or end < octets.rfind(b"\xff\xda"):
            raise ImageError(
                "truncated", "JPEG is cut off", expected="an end marker", found=f"{len(data)} bytes"
            )
    elif head == b"\x89PNG\r\n\x1a\n":
        if b"IEND" not in bytes(data[-64:]):
            raise ImageError(
                "truncated", "PNG is cut off", expected="an IEND chunk", found=f"{len(data)} bytes"
            )
    else:
        raise ImageError(
            "encoding",
            "unknown image format",
            expected="JPEG or PNG data",
            found=f"format {name[:40]!r}",
        )
