"""Person crops: squares of the image, warped straight into the network's 256 x 192 strip.

Source: PEAR facts 2. The square of side L around (cx, cy) maps to [0, 256] in pixel-index
coordinates, so column x and row y of the strip show the image at (cx - L/2 + (x + 32) L/256, cy -
L/2 + y L/256); bilinear, black outside the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH
from pear_ros.problems import PearError
from pear_ros.types import Crop, FloatArray

MAX_SIDE = 30_000
"""OpenCV addresses at most 32767 pixels; a larger image or crop is not a camera's."""


def strips(image: NDArray[np.uint8], crops: Sequence[Crop]) -> FloatArray:
    """RGB strips (N, 3, 256, 192) float32 in [0, 1] of an (H, W, 3) uint8 RGB image.

    Raises PearError for an image of another kind and for a crop that is not finite or has no area.
    """
    _check_image(image)
    out: FloatArray = np.empty((len(crops), 3, CROP_SIZE, STRIP_WIDTH), np.float32)
    scale = np.float32(1.0 / 255.0)
    for i, crop in enumerate(crops):
        warped = cv2.warpAffine(
            image,
            _strip_to_image(crop),
            (STRIP_WIDTH, CROP_SIZE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(0, 0, 0),
        )
        for channel, plane in enumerate(cv2.split(warped)):
            np.multiply(plane, scale, out=out[i, channel])
    return out


def _strip_to_image(crop: Crop) -> NDArray[np.float64]:
    """Affine (2, 3) from strip to image coordinates."""
    if not (math.isfinite(crop.cx) and math.isfinite(crop.cy) and 0.0 < crop.side <= MAX_SIDE):
        raise PearError(
            "not a usable crop",
            where="engine",
            expected=f"finite, 0 < side <= {MAX_SIDE}",
            found=f"centre ({crop.cx}, {crop.cy}), side {crop.side}",
        )
    step = crop.side / CROP_SIZE
    left, top = crop.cx - crop.side / 2, crop.cy - crop.side / 2
    return np.array([[step, 0.0, left + STRIP_MARGIN * step], [0.0, step, top]])


def _check_image(image: NDArray[np.uint8]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise PearError(
            "not an RGB image",
            where="engine",
            expected="(H, W, 3) uint8",
            found=f"{image.shape} {image.dtype}",
        )
    if not 0 < min(image.shape[:2]) <= max(image.shape[:2]) <= MAX_SIDE:
        raise PearError(
            "image size out of range",
            where="engine",
            expected=f"1..{MAX_SIDE} pixels a side",
            found=f"{image.shape[1]} x {image.shape[0]}",
        )
