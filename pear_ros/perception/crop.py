"""Person box -> square crop, and crop coordinates -> pixels of the full image.

The square of side L centred at (cx, cy) maps to [0, 1]: u = 0.5 + (x - cx) / L (facts section 2,
where it is [0, 256] in pixel-index coordinates).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pear_core import layout
from pear_ros.perception import boxes
from pear_ros.problems import PearError
from pear_ros.types import Box, Crop, FloatArray

MIN_SIDE = 16.0
"""Longer side in pixels under which a person is 16 times enlarged and nothing can be regressed."""


class UnusableBox(PearError):
    """A box from which no crop can be made."""


def square_crop(
    box: Box, width: int, height: int, scale: float = layout.CROP_SCALE, where: str = ""
) -> Crop:
    """The square around the part of a box that lies on the picture.

    The box is clipped to the picture first, so a half-visible person is cropped alike whether the
    box comes from a detector or from a projected body. (PEAR's script shifts boxes that begin
    outside inward at full size: `pear_core.geometry.crops.published_square`.) Raises UnusableBox
    for a box that is not finite, inverted, outside the picture or smaller than MIN_SIDE.
    """
    x0, y0 = max(box.x0, -0.5), max(box.y0, -0.5)
    x1, y1 = min(box.x1, width - 0.5), min(box.y1, height - 0.5)
    longer = max(x1 - x0, y1 - y0)
    finite = math.isfinite(box.x0 + box.y0 + box.x1 + box.y1)
    if not finite or x1 <= x0 or y1 <= y0 or longer < MIN_SIDE:
        raise _unusable(box, width, height, where)
    return Crop(cx=0.5 * (x0 + x1), cy=0.5 * (y0 + y1), side=scale * longer)


def _unusable(box: Box, width: int, height: int, where: str) -> UnusableBox:
    """Why no crop can be made."""
    corners = (box.x0, box.y0, box.x1, box.y1)
    found = "({:g}, {:g}, {:g}, {:g})".format(*corners)
    if not all(math.isfinite(c) for c in corners):
        return UnusableBox("box is not finite", where=where, found=found)
    if box.x1 <= box.x0 or box.y1 <= box.y0:
        return UnusableBox("box is empty", where=where, expected="x0 < x1 and y0 < y1", found=found)
    seen = boxes.clip(box, width, height)
    if seen.x1 <= seen.x0 or seen.y1 <= seen.y0:
        expected = f"overlap with {width}x{height}"
        return UnusableBox(
            "box lies outside the image", where=where, expected=expected, found=found
        )
    expected = f"a visible side of at least {MIN_SIDE:g} px"
    return UnusableBox("box is too small", where=where, expected=expected, found=found)


def crop_rows(crops: Sequence[Crop]) -> NDArray[np.float64]:
    """Crops as an array (N, 3): cx, cy, side."""
    return np.array([(c.cx, c.cy, c.side) for c in crops], dtype=np.float64).reshape(-1, 3)


def to_pixels(keypoints: FloatArray, crops: Sequence[Crop]) -> FloatArray:
    """Key points (N, J, 2) in [0, 1] of their crops -> pixels of the full image (N, J, 2)."""
    rows = crop_rows(crops)
    pixels = rows[:, None, :2] + (keypoints - 0.5) * rows[:, None, 2:]
    return np.asarray(pixels, dtype=np.float32)


def to_crop(pixels: FloatArray, crops: Sequence[Crop]) -> FloatArray:
    """Inverse of `to_pixels`."""
    rows = crop_rows(crops)
    keypoints = 0.5 + (pixels - rows[:, None, :2]) / rows[:, None, 2:]
    return np.asarray(keypoints, dtype=np.float32)
