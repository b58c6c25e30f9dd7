"""Bag to `Frame`s: pictures decoded, calibration attached, what is broken counted and left out."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pear_ros.messages import camera_info, images
from pear_ros.messages.codec import CdrReader
from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.replay.storage import RawMessage, Topic
from pear_ros.replay.topics import camera_info_topic, choose_image_topic, is_rectified
from pear_ros.types import Frame, Intrinsics


@dataclass(frozen=True)
class BagFrame:
    """A frame, the message it came from, and the seconds that decoding took."""

    frame: Frame
    message: RawMessage
    decode_seconds: float


class FrameReader:
    """Reads the pictures of one topic of an open bag.

    topic: which one; the most likely where None. info_topic: its CameraInfo; the one beside the
    pictures where None. Raises: PearError where the bag has no such pictures.
    """

    def __init__(
        self,
        bag: Bag,
        problems: Problems,
        *,
        topic: str | None = None,
        info_topic: str | None = None,
    ) -> None:
        self._bag, self._problems = bag, problems
        self.topic: Topic = choose_image_topic(bag.topics, topic, str(bag.path))
        self.info_topic = camera_info_topic(self.topic, bag.topics, info_topic)
        if info_topic is not None and self.info_topic not in {t.name for t in bag.topics}:
            raise PearError(f"no topic {self.info_topic}", where=str(bag.path))
        self._rectified = is_rectified(self.topic)
        self._intrinsics: Intrinsics | None = None
        self._complained = False
        self.failures: list[str] = []
        """Why pictures were left out, one reason each."""

    def read(self, others: Collection[str] = ()) -> Iterator[BagFrame | RawMessage]:
        """Frames of the topic and messages of other topics as they are, in order of log time.

        A picture that cannot be decoded is counted under its kind and left out.
        """
        names = {self.topic.name, *others}
        self._intrinsics = self._first_calibration()
        for message in self._bag.messages(names | {self.info_topic or ""}):
            name = message.topic.name
            if name == self.info_topic:
                self._intrinsics = self._calibration(message)
            if name in others:
                yield message
            if name == self.topic.name:
                frame = self._decode(message)
                if frame is not None:
                    yield frame

    def _decode(self, message: RawMessage) -> BagFrame | None:
        start = time.perf_counter()
        topic = message.topic
        try:
            image = images.parse(message.data, topic.type)
            pixels = images.decode(image)
        except images.ImageError as error:
            self._problems.add(error.kind, topic.name, _stamp(message), str(error))
            self.failures.append(str(error))
            return None
        # A header without a stamp says nothing; the time of recording then stands for it.
        stamp = image.stamp or message.stamp
        height, width = pixels.shape[:2]
        frame = Frame(
            image=pixels,
            stamp=stamp,
            frame_id=image.frame_id,
            intrinsics=self._fitted(width, height, stamp),
            source=topic.name,
        )
        return BagFrame(frame, message, time.perf_counter() - start)

    def _first_calibration(self) -> Intrinsics | None:
        """The first CameraInfo of the bag, because a picture is often recorded just before it."""
        if self.info_topic is None:
            return None
        quiet = Problems()
        with Bag(self._bag.path, quiet) as bag:
            for message in bag.messages({self.info_topic}):
                return self._calibration(message)
        return None

    def _calibration(self, message: RawMessage) -> Intrinsics | None:
        try:
            return camera_info.intrinsics(message.data, rectified=self._rectified)
        except PearError as error:
            self._problems.add("calibration", message.topic.name, message.stamp, str(error))
            return self._intrinsics

    def _fitted(self, width: int, height: int, stamp: int) -> Intrinsics | None:
        reason = ""
        fitted = None
        if self.info_topic is None:
            reason = f"no CameraInfo beside {self.topic.name}"
        elif self._intrinsics is None:
            reason = f"{self.info_topic} has a zero camera matrix or no message"
        else:
            fitted = camera_info.fitted(self._intrinsics, width, height)
            if fitted is None:
                k = self._intrinsics
                sizes = f"{k.width}x{k.height}, the pictures are {width}x{height}"
                reason = f"{self.info_topic} is for {sizes}"
        if reason and not self._complained:
            # Once for the whole topic: it is one fault, however many pictures suffer from it.
            self._complained = True
            self._problems.add(
                "calibration", self.topic.name, stamp, f"{reason}; camera is assumed"
            )
        return fitted


def _stamp(message: RawMessage) -> int:
    """Stamp of a broken picture: its own if that much is there, else the recording's."""
    try:
        return CdrReader(message.data).header()[0] or message.stamp
    except PearError:
        return message.stamp


def frames(
    bag: Path | str,
    *,
    topic: str | None = None,
    info_topic: str | None = None,
    problems: Problems | None = None,
) -> Iterator[Frame]:
    """The pictures of a bag as frames with their calibration, in order of log time.

    bag: .mcap or .db3 file, or folder. topic, info_topic: chosen automatically where None.
    Raises: PearError where the bag cannot be opened or has no pictures.
    """
    counted = Problems() if problems is None else problems
    with Bag(bag, counted) as opened:
        reader = FrameReader(opened, counted, topic=topic, info_topic=info_topic)
        for item in reader.read():
            if isinstance(item, BagFrame):
                yield item.frame
