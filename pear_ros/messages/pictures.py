"""Image and CompressedImage messages of pixels, as CDR bytes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec
from pear_ros.problems import PearError


def image(pixels: NDArray[np.uint8], stamp: int, frame_id: str, encoding: str = "rgb8") -> bytes:
    """sensor_msgs/Image of pixels (H, W, C) uint8, as CDR with the 4-byte header."""
    out = codec.CdrWriter()
    out.header(stamp, frame_id)
    out.pack("2I", *pixels.shape[:2])
    out.string(encoding)
    out.pack("B", 0)
    out.pack("I", pixels.shape[1] * (pixels.shape[2] if pixels.ndim == 3 else 1))
    out.sequence(pixels)
    return out.finish()


def compressed_image(
    pixels: NDArray[np.uint8], stamp: int, frame_id: str, quality: int = 95
) -> bytes:
    """sensor_msgs/CompressedImage (JPEG) of BGR pixels (H, W, 3), as CDR with the 4-byte header."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise PearError("picture cannot be encoded as JPEG", found=f"shape {pixels.shape}")
    out = codec.CdrWriter()
    out.header(stamp, frame_id)
    out.string("rgb8; jpeg compressed bgr8")
    out.sequence(np.asarray(data, np.uint8).reshape(-1))
    return out.finish()
