"""Every raw image encoding we read: how many bytes a row has and how rows become RGB.

Names of both generations of sensor_msgs/image_encodings (yuv422 = uyvy, yuv422_yuy2 = yuyv). ROS
names a Bayer pattern by its first two rows' top left corner; OpenCV's old names start at the second
row and column, so `bayer_rggb8` is OpenCV's BayerBG.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
Convert = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class Encoding:
    """One way to store a picture.

    depth: bits per sample, 8 or 16. row_samples: samples in a row of one pixel; a row holds width
    times that. rows: (numerator, denominator) of the rows of memory per row of the picture, as for
    planar formats. even: width and height must be multiples of these. padded: rows may be padded.
    convert: (rows, samples) or (rows, width, samples per pixel) in native byte order -> RGB or
    grey, still of the stored depth.
    """

    depth: int
    row_samples: int
    convert: Convert
    rows: tuple[int, int] = (1, 1)
    even: tuple[int, int] = (1, 1)
    padded: bool = True

    def row_bytes(self, width: int) -> int:
        return width * self.row_samples * self.depth // 8

    def stored_rows(self, height: int) -> int:
        return height * self.rows[0] // self.rows[1]


def _same(pixels: Pixels) -> Pixels:
    return pixels


def _code(code: int) -> Convert:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _bayer(code: int) -> Convert:
    def demosaic(pixels: Pixels) -> Pixels:
        # A mirrored border keeps the pattern's phase; OpenCV alone copies colours inwards at the
        # edges.
        bordered = cv2.copyMakeBorder(pixels[..., 0], 2, 2, 2, 2, cv2.BORDER_REFLECT_101)
        return cv2.cvtColor(bordered, code)[2:-2, 2:-2]

    return demosaic


_YUV_TO_RGB = np.array(
    [[1.164383, 0.0, 1.596027], [1.164383, -0.391762, -0.812968], [1.164383, 2.017232, 0.0]]
)
"""BT.601, limited range, as OpenCV does for the subsampled YUV formats."""
_YUV_MATRIX = np.hstack([_YUV_TO_RGB, -_YUV_TO_RGB @ [[16.0], [128.0], [128.0]]]).astype(np.float32)


def _nv24(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[0] // 3, pixels.shape[1]
    chroma = pixels[height:, :, 0].reshape(height, width, 2)
    yuv = np.concatenate([pixels[:height], chroma], axis=2)
    return cv2.transform(yuv, _YUV_MATRIX)


_MONO8, _MONO16 = Encoding(8, 1, _same), Encoding(16, 1, _same)
_UYVY = Encoding(8, 2, _code(cv2.COLOR_YUV2RGB_UYVY), even=(2, 1))
_YUYV = Encoding(8, 2, _code(cv2.COLOR_YUV2RGB_YUY2), even=(2, 1))
_PATTERNS = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}

ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(8, 3, _same),
    "bgr8": Encoding(8, 3, _code(cv2.COLOR_BGR2RGB)),
    "rgba8": Encoding(8, 4, _code(cv2.COLOR_RGBA2RGB)),
    "bgra8": Encoding(8, 4, _code(cv2.COLOR_BGRA2RGB)),
    "rgb16": Encoding(16, 3, _same),
    "bgr16": Encoding(16, 3, _code(cv2.COLOR_BGR2RGB)),
    "rgba16": Encoding(16, 4, _code(cv2.COLOR_RGBA2RGB)),
    "bgra16": Encoding(16, 4, _code(cv2.COLOR_BGRA2RGB)),
    "mono8": _MONO8,
    "mono16": _MONO16,
    # OpenCV's own type names say nothing of colour; its order is BGR.
    "8UC1": _MONO8,
    "8UC3": Encoding(8, 3, _code(cv2.COLOR_BGR2RGB)),
    "8UC4": Encoding(8, 4, _code(cv2.COLOR_BGRA2RGB)),
    "16UC1": _MONO16,
    "16UC3": Encoding(16, 3, _code(cv2.COLOR_BGR2RGB)),
    "16UC4": Encoding(16, 4, _code(cv2.COLOR_BGRA2RGB)),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Encoding(8, 1, _code(cv2.COLOR_YUV2RGB_NV12), rows=(3, 2), even=(2, 2)),
    "nv21": Encoding(8, 1, _code(cv2.COLOR_YUV2RGB_NV21), rows=(3, 2), even=(2, 2)),
    "nv24": Encoding(8, 1, _nv24, rows=(3, 1), padded=False),
    **{
        f"bayer_{name}{depth}": Encoding(depth, 1, _bayer(code))
        for name, code in _PATTERNS.items()
        for depth in (8, 16)
    },
}
"""Encoding name -> how it is read."""
