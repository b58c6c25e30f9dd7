"""Video files from pictures, through OpenCV; a file that is complete or absent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.output.atomic import atomic_path
from pear_ros.problems import PearError

CODECS: dict[str, tuple[str, ...]] = {
    ".mp4": ("avc1", "mp4v"),
    ".mov": ("avc1", "mp4v"),
    ".mkv": ("avc1", "mp4v"),
    ".webm": ("VP80",),
    ".avi": ("MJPG",),
}
"""Codecs by file name, best first; OpenCV's wheels often lack H.264, .webm plays in every browser.
"""


class VideoWriter:
    """Writes RGB pictures of one size to a video; the file appears when the block ends without an
    error.

    Raises PearError: unknown suffix, no working codec, a picture of another size, no picture at
    all, or a file that does not read back complete.
    """

    def __init__(self, path: str | Path, rate: float) -> None:
        self.path, self.rate = Path(path), rate
        if self.path.suffix.lower() not in CODECS:
            raise PearError(
                "unknown kind of video",
                where=str(path),
                expected=", ".join(CODECS),
                found=self.path.suffix or "no suffix",
            )
        if not 0 < rate < 1000:
            raise PearError(
                "frame rate out of range",
                where=str(path),
                expected="above 0 and below 1000",
                found=str(rate),
            )
        self.frames = 0
        self._stack = ExitStack()
        self._writer: Any = None
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> VideoWriter:
        self._part = self._stack.enter_context(atomic_path(self.path))
        return self

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append one picture (H, W, 3) RGB; all must have the size of the first."""
        if self._writer is None:
            self._shape = image.shape
            self._writer = self._open(image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)
        if image.shape != self._shape:
            raise PearError(
                "pictures of different sizes in one video",
                where=str(self.path),
                expected=str(self._shape),
                found=str(image.shape),
            )
        # Video codecs store colour at half resolution: odd sizes lose their last row or column.
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        self._writer.write(np.ascontiguousarray(even[:, :, ::-1]))
        self.frames += 1

    def _open(self, width: int, height: int) -> Any:
        if min(width, height) < 2:
            raise PearError(
                "picture too small for a video", where=str(self.path), found=f"{width}x{height}"
            )
        with _silence():
            for codec in CODECS[self.path.suffix.lower()]:
                writer = cv2.VideoWriter(
                    str(self._part),
                    cv2.CAP_FFMPEG,
                    cv2.VideoWriter.fourcc(*codec),
                    self.rate,
                    (width, height),
                )
                if writer.isOpened():
                    return writer
        raise PearError(
            "OpenCV can write none of the codecs",
            where=str(self.path),
            expected=", ".join(CODECS[self.path.suffix.lower()]),
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()
        if error is None:
            try:
                self._check()
            except PearError as failure:
                self._stack.__exit__(type(failure), failure, None)
                raise
        self._stack.__exit__(kind, error, trace)

    def _check(self) -> None:
        if not self.frames:
            raise PearError("no picture for the video", where=str(self.path))
        # OpenCV reports no write errors (full disk): read the count back.
        reader = cv2.VideoCapture(str(self._part))
        found = round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if found != self.frames:
            raise PearError(
                "video was not written completely",
                where=str(self.path),
                expected=f"{self.frames} pictures",
                found=str(found),
            )


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing reaches standard error: OpenCV and FFmpeg comment on every codec they do not have."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
