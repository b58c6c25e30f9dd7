"""The packed crops: the same pictures come out, and damaged files are refused."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from pear_core.export.crops import CropsError, load_crops, pack_crops

SHIPPED = Path(__file__).parents[3] / "models" / "parity_crops" / "crops.npz"


def test_pictures_come_out_in_order_as_rgb(tmp_path: Path) -> None:
    pictures = [np.zeros((256, 256, 3), np.uint8) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture[..., number] = 200  # red, green, blue
    files = [cv2.imencode(".png", p[..., ::-1])[1].tobytes() for p in pictures]
    path = tmp_path / "crops.npz"
    path.write_bytes(pack_crops(files))
    np.testing.assert_array_equal(load_crops(path), np.stack(pictures))


def test_shipped_crops_are_enough_and_show_something() -> None:
    squares = load_crops(SHIPPED)
    assert squares.shape == (256, 256, 256, 3)
    assert squares[:, :, 32:224].std(axis=(1, 2, 3)).min() > 5
    # The strip is all there is: the sides are black.
    assert squares[:, :, :24].max() < 40 and squares[:, :, 232:].max() < 40


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text", "cannot read"),
        (_npz(data=np.zeros(4, np.uint8)), "cannot read"),
        (_npz(data=np.zeros(4, np.uint8), ends=np.array([2, 5])), "rising `ends`"),
        (_npz(data=np.zeros(4, np.uint8), ends=np.array([3, 2, 4])), "rising `ends`"),
        (_npz(data=np.zeros(4, np.uint8), ends=np.array([], np.int64)), "rising `ends`"),
        (_npz(data=np.zeros(4, np.float32), ends=np.array([4])), "rising `ends`"),
        (_npz(data=np.zeros(4, np.uint8), ends=np.array([4])), "crop 0.*found no picture"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "crops.npz"
    path.write_bytes(content)
    with pytest.raises(CropsError, match=message):
        load_crops(path)
