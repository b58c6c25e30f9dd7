"""Frames as they come: from a camera of this machine, or from a file that is played."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pear_ros.cli.pictures import Calibration, video_frames
from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.replay.reader import BagFrame, FrameReader
from pear_ros.types import Frame, Intrinsics

_BAGS = (".mcap", ".db3", ".zstd", ".yaml")


def camera_frames(number: int, calibration: Calibration | None) -> Iterator[Frame]:
    """Pictures of camera `number` without end, stamped with the wall clock when they are there.

    Raises PearError where there is no such camera, or it stops.
    """
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise PearError("no such camera", where=f"camera {number}")
        while True:
            there, picture = capture.read()
            if not there:
                raise PearError("the camera gives no more pictures", where=f"camera {number}")
            image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
            height, width = image.shape[:2]
            k = None if calibration is None else Intrinsics(*calibration, width, height)
            yield Frame(image, time.time_ns(), "camera", k, source=f"camera {number}")
    finally:
        capture.release()


def file_frames(
    path: str, topic: str | None, calibration: Calibration | None, loop: bool
) -> Iterator[Frame]:
    """Pictures of a bag or a video, once or again and again; faults in it are left out."""
    while True:
        if Path(path).is_dir() or Path(path).suffix.lower() in _BAGS:
            yield from _bag_frames(path, topic)
        else:
            yield from video_frames(path, calibration, Problems())
        if not loop:
            return


def _bag_frames(path: str, topic: str | None) -> Iterator[Frame]:
    problems = Problems()
    with Bag(path, problems) as bag:
        for item in FrameReader(bag, problems, topic=topic, info_topic=None).read(()):
            if isinstance(item, BagFrame):
                yield item.frame
