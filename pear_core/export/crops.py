"""The crops on which engines are compared with torch: JPEG files packed into one npz."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core.layout import CROP_SIZE
from pear_core.unreadable import UNREADABLE


class CropsError(ValueError):
    """A file that holds no crops: which, what was expected, what was found."""


def pack_crops(files: Sequence[bytes]) -> bytes:
    """An npz of encoded pictures: `data`, all bytes in a row, and `ends`, where each one ends."""
    buffer = io.BytesIO()
    ends = np.cumsum([len(file) for file in files], dtype=np.int64)
    np.savez(buffer, data=np.frombuffer(b"".join(files), np.uint8), ends=ends)
    return buffer.getvalue()


def load_crops(path: str | Path) -> NDArray[np.uint8]:
    """RGB squares [N, 256, 256, 3]. Raises CropsError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data, ends = file["data"], file["ends"]
    except UNREADABLE as error:
        raise CropsError(f"{path}: cannot read crops: {error}") from None
    flat = data.ndim == ends.ndim == 1 and data.dtype == np.uint8 and ends.dtype.kind == "i"
    if (
        not flat
        or not len(ends)
        or ends[0] < 1
        or (np.diff(ends) < 1).any()
        or ends[-1] != len(data)
    ):
        raise CropsError(f"{path}: expected bytes `data` and rising `ends` up to their number")
    squares = []
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        picture = cv2.imdecode(data[start:end], cv2.IMREAD_COLOR_RGB)
        if picture is None or picture.shape != (CROP_SIZE, CROP_SIZE, 3):
            found = "no picture" if picture is None else f"shape {picture.shape}"
            raise CropsError(
                f"{path}: crop {number}: expected ({CROP_SIZE}, {CROP_SIZE}, 3), found {found}"
            )
        squares.append(picture)
    return np.stack(squares)
