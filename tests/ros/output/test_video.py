"""Videos read back, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pear_ros.output.video import CODECS, VideoWriter
from pear_ros.problems import PearError


def pictures(count: int = 6, shape: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """A red left half, and a right half whose blue grows with time."""
    made = []
    for i in range(count):
        image = np.zeros((*shape, 3), np.uint8)
        image[:, : shape[1] // 2, 0] = 200
        image[:, shape[1] // 2 :, 2] = 40 * i
        made.append(image)
    return made


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_reads_back_with_rate_size_and_colours(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / f"v{suffix}"
    with VideoWriter(path, 12.5) as writer:
        for image in pictures():
            writer.write(image)
        assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5, rel=1e-3)
    read = []
    while True:
        good, frame = capture.read()
        if not good:
            break
        read.append(frame[:, :, ::-1].astype(int))
    assert len(read) == 6
    for image, original in zip(read, pictures(), strict=True):
        assert image.shape == original.shape
        for half in (slice(4, 28), slice(36, 60)):
            difference = image[:, half].mean((0, 1)) - original[:, half].mean((0, 1))
            assert np.abs(difference).max() < 25


def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 10) as writer:
        for image in pictures(3, (47, 65)):
            writer.write(image)
    capture = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 64
    assert capture.get(cv2.CAP_PROP_FRAME_HEIGHT) == 46


def test_an_error_or_nothing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "v.mp4", 10) as writer:
        writer.write(pictures()[0])
        raise RuntimeError
    with pytest.raises(PearError, match="no picture"), VideoWriter(tmp_path / "v.mp4", 10):
        pass
    with (
        pytest.raises(PearError, match="different sizes"),
        VideoWriter(tmp_path / "v.mp4", 10) as writer,
    ):
        writer.write(pictures()[0])
        writer.write(pictures(1, (50, 64))[0])
    with pytest.raises(PearError, match="too small"), VideoWriter(tmp_path / "v.mp4", 10) as writer:
        writer.write(np.zeros((1, 9, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "rate"), [("v.gifv", 10), ("v", 10), ("v.mp4", 0), ("v.mp4", np.nan)]
)
def test_unusable_names_and_rates_are_refused_at_once(
    tmp_path: Path, name: str, rate: float
) -> None:
    with pytest.raises(PearError, match=name):
        VideoWriter(tmp_path / name, rate)
