"""cv_bridge's two functions without cv_bridge, for nodes beside ours.

cv_bridge is compiled against one NumPy and one OpenCV; these are not. They take and give
sensor_msgs/Image objects of rclpy. Our own node does not use them: it reads and writes CDR.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import images
from pear_ros.messages.images import ImageError, RawImage

_FROM_RGB = {
    "rgb8": None,
    "bgr8": cv2.COLOR_RGB2BGR,
    "rgba8": cv2.COLOR_RGB2RGBA,
    "bgra8": cv2.COLOR_RGB2BGRA,
    "mono8": cv2.COLOR_RGB2GRAY,
}
_STORED: dict[str, tuple[str, int]] = {
    "rgb8": ("u1", 3), "bgr8": ("u1", 3), "rgba8": ("u1", 4), "bgra8": ("u1", 4),
    "mono8": ("u1", 1), "8UC1": ("u1", 1), "8UC3": ("u1", 3), "mono16": ("u2", 1),
    "16UC1": ("u2", 1), "16UC3": ("u2", 3), "32FC1": ("f4", 1), "32FC3": ("f4", 3),
}  # fmt: skip
"""Encodings that can be handed over as they are: sample type and channels."""


def imgmsg_to_cv2(message: Any, desired_encoding: str = "passthrough") -> NDArray[Any]:
    """The pixels (H, W) or (H, W, C) of a sensor_msgs/Image or CompressedImage object.

    desired_encoding: "passthrough" gives the samples as stored (16UC1 and 32FC1 too), otherwise
    rgb8, bgr8, rgba8, bgra8 or mono8. The array is read-only where it is a view on the message.
    Raises: ImageError, whose kind says what is wrong.
    """
    picture = images.parse(message)
    if desired_encoding == "passthrough" and isinstance(picture, RawImage):
        return _stored(picture)
    name = "bgr8" if desired_encoding == "passthrough" else desired_encoding
    if name not in _FROM_RGB:
        raise ImageError("encoding", "cannot convert to this encoding",
                         expected=", ".join(_FROM_RGB), found=repr(name[:40]))  # fmt: skip
    code = _FROM_RGB[name]
    pixels = images.decode(picture)
    return pixels if code is None else cv2.cvtColor(pixels, code)


def _stored(picture: RawImage) -> NDArray[Any]:
    known = _STORED.get(picture.encoding)
    if known is None:
        raise ImageError("encoding", "cannot pass this encoding through",
                         expected=", ".join(_STORED), found=repr(picture.encoding[:40]))  # fmt: skip
    dtype, channels = np.dtype((">" if picture.is_bigendian else "<") + known[0]), known[1]
    need = picture.width * channels * dtype.itemsize
    total = picture.step * (picture.height - 1) + need
    if picture.step < need or len(picture.data) < total or not picture.width * picture.height:
        raise ImageError("truncated", "image data is cut off",
                         expected=f"{total} bytes in rows of {need} or more",
                         found=f"{len(picture.data)} in rows of {picture.step}")  # fmt: skip
    pixels = np.ndarray(
        (picture.height, picture.width, channels),
        dtype,
        picture.data,
        strides=(picture.step, channels * dtype.itemsize, dtype.itemsize),
    )
    return pixels[..., 0] if channels == 1 else pixels


def cv2_to_imgmsg(
    pixels: NDArray[Any], encoding: str, make: Callable[[], Any], header: Any = None
) -> Any:
    """A sensor_msgs/Image object of pixels (H, W) or (H, W, C).

    make: the message class, `sensor_msgs.msg.Image`. header: taken over where given. Raises:
    ImageError where the pixels are not of this encoding.
    """
    known = _STORED.get(encoding)
    shape = pixels.shape[2] if pixels.ndim == 3 else 1
    if known is None or pixels.ndim not in (2, 3) or (pixels.dtype.str[1:], shape) != known:
        raise ImageError("encoding", "pixels are not of this encoding", expected=encoding,
                         found=f"{pixels.dtype} {pixels.shape}")  # fmt: skip
    message = make()
    if header is not None:
        message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = int(pixels.dtype.byteorder == ">")
    message.step = pixels.shape[1] * shape * pixels.itemsize
    # rclpy takes an array of bytes as it is; a list or bytes it would check element by element.
    message.data = array("B", pixels.tobytes())
    return message
