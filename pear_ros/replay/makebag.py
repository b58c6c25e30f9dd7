"""A bag from pictures or a video, as a camera driver would have recorded it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec
from pear_ros.messages.camera_info import camera_info, fitted
from pear_ros.messages.pictures import compressed_image, image
from pear_ros.problems import PearError, Problems
from pear_ros.replay.writer import BagWriter
from pear_ros.types import Intrinsics

FIRST_STAMP = 1_000_000_000
"""Stamp of the first picture, nanoseconds; a stamp of 0 means "not set" in ROS."""
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")

Bgr = NDArray[np.uint8]


@dataclass(frozen=True)
class MakeBagOptions:
    """How the bag is made.

    jpeg: write CompressedImage (JPEG of this quality, 1..100) instead of raw rgb8. rate: pictures
    per second; a video's own where None (10 for pictures). intrinsics: written as CameraInfo,
    scaled to the pictures' size where that differs. count: at most so many pictures.
    """

    topic: str = "/camera/image_raw"
    frame_id: str = "camera_optical_frame"
    jpeg: int | None = None
    rate: float | None = None
    first_stamp: int = FIRST_STAMP
    intrinsics: Intrinsics | None = None
    count: int | None = None


@dataclass(frozen=True)
class MadeBag:
    """What was written; failed pictures were counted and left out."""

    out: str
    frames: int
    failed: int
    topics: tuple[str, ...]


def make_bag(
    inputs: Sequence[Path | str],
    out: Path | str,
    options: MakeBagOptions | None = None,
    problems: Problems | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> MadeBag:
    """Write pictures (files, or folders of them in order of name) or one video as a bag.

    Orientation tags of photographs are applied. Raises: PearError where an input cannot be read as
    a whole, no picture could be read, or the bag cannot be written.
    """
    options = options or MakeBagOptions()
    problems = Problems() if problems is None else problems
    source = _Video(Path(inputs[0])) if _is_video(inputs) else _Pictures(inputs, problems)
    rate = options.rate or source.rate
    if not rate > 0:
        raise PearError("rate must be positive", found=str(rate))
    frames = 0
    with BagWriter(out) as writer:
        image_topic = options.topic + ("/compressed" if options.jpeg else "")
        info_topic = options.topic.rsplit("/", 1)[0] + "/camera_info"
        kind = codec.COMPRESSED_IMAGE if options.jpeg else codec.IMAGE
        images = writer.add_topic(image_topic, kind)
        infos = writer.add_topic(info_topic, codec.CAMERA_INFO) if options.intrinsics else None
        for index, pixels in source.read():
            if options.count is not None and frames >= options.count:
                break
            stamp = options.first_stamp + round(index * 1e9 / rate)
            height, width = pixels.shape[:2]
            if infos is not None and options.intrinsics is not None:
                k = fitted(options.intrinsics, width, height)
                if k is None:
                    raise PearError("calibration does not fit the pictures",
                                    expected=f"{options.intrinsics.width}x{options.intrinsics.height}",
                                    found=f"{width}x{height}")  # fmt: skip
                writer.write(infos, stamp, camera_info(k, stamp, options.frame_id))
            message = (
                compressed_image(pixels, stamp, options.frame_id, options.jpeg)
                if options.jpeg
                else image(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), stamp, options.frame_id)
            )
            writer.write(images, stamp, message)
            frames += 1
            if progress is not None:
                progress(frames, source.count)
        if not frames:
            raise PearError("no picture can be read", where=", ".join(map(str, inputs)))
    return MadeBag(str(out), frames, source.failed, tuple(writer.counts))


def _is_video(inputs: Sequence[Path | str]) -> bool:
    if not inputs:
        raise PearError("nothing to make a bag from", expected="pictures, folders or one video")
    videos = [p for p in map(Path, inputs) if not p.is_dir() and p.suffix.lower() not in PICTURES]
    if videos and len(inputs) > 1:
        raise PearError("one video, or pictures", found=", ".join(map(str, videos)))
    return bool(videos)


class _Pictures:
    """Picture files; one that cannot be read is counted."""

    rate = 10.0

    def __init__(self, inputs: Sequence[Path | str], problems: Problems) -> None:
        self._problems = problems
        self.failed = 0
        self._files: list[Path] = []
        for path in map(Path, inputs):
            if path.is_dir():
                found = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
                if not found:
                    raise PearError(
                        "no pictures here", where=str(path), expected=" ".join(PICTURES)
                    )
                self._files += found
            elif path.is_file():
                self._files.append(path)
            else:
                raise PearError("no such picture", where=str(path))
        self.count: int | None = len(self._files)

    def read(self) -> Iterator[tuple[int, Bgr]]:
        for index, path in enumerate(self._files):
            pixels = _read_picture(path)
            if pixels is None:
                self.failed += 1
                self._problems.add("unreadable", str(path), 0, "picture cannot be decoded")
            else:
                yield index, pixels


def _read_picture(path: Path) -> Bgr | None:
    # imdecode instead of imread: any file name works, and a missing file is an error of its own.
    data = np.fromfile(path, np.uint8)
    try:
        pixels: Any = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        return None
    return pixels


class _Video:
    """The frames of a video file."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise PearError("no such video", where=str(path))
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise PearError("video cannot be opened", where=str(path))
        self.failed = 0
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS)) or 30.0
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count: int | None = count if count > 0 else None

    def read(self) -> Iterator[tuple[int, Bgr]]:
        index = 0
        try:
            while True:
                there, pixels = self._capture.read()
                if not there:
                    return
                yield index, pixels
                index += 1
        finally:
            self._capture.release()
