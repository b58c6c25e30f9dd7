"""From what a graph delivers to a `Frame`: one picture and what belongs to its stamp.

Callbacks only keep bytes; everything is parsed on the worker's thread, and only for pictures that
are processed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pear_ros.messages import camera_info, codec
from pear_ros.messages.codec import CdrReader
from pear_ros.problems import PearError
from pear_ros.types import Intrinsics

T = TypeVar("T")
_STAMP = slice(4, 12)
"""Where the stamp of a message that begins with a header lies."""


@dataclass(frozen=True)
class Arrival:
    """A picture's message as it came: raw CDR, its type, and when (time.monotonic_ns)."""

    data: memoryview
    type_name: str
    received: int


def stamp_of(data: memoryview) -> int:
    """Stamp in nanoseconds of a message that begins with a std_msgs/Header. Raises PearError."""
    seconds, nanoseconds = CdrReader(data).unpack("iI")
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


class Companions(Generic[T]):
    """The last few messages of a topic, found again by stamp.

    read: makes what is wanted of the raw message; it runs on the worker's thread, once per match.
    """

    def __init__(self, read: Callable[[memoryview], T], keep: int = 8) -> None:
        self._read = read
        self._kept: deque[tuple[int, memoryview]] = deque(maxlen=keep)
        self._changed = threading.Condition()

    def put(self, data: memoryview) -> None:
        """Keeps one message. Raises PearError where it has no header."""
        stamp = stamp_of(data)
        with self._changed:
            if self._kept and stamp < self._kept[-1][0] - 1_000_000_000:
                # Time started over: what was kept belongs to another run.
                self._kept.clear()
            self._kept.append((stamp, data))
            self._changed.notify_all()

    def match(self, stamp: int, slop: float, wait: float) -> T | None:
        """The message nearest to a stamp, at most `slop` seconds away; waits for it if need be.

        Does not wait where a later one is already there. Raises what `read` raises.
        """
        end = time.monotonic() + wait
        reach = int(slop * 1e9)
        with self._changed:
            while True:
                best = min(self._kept, key=lambda item: abs(item[0] - stamp), default=None)
                if best is not None and abs(best[0] - stamp) <= reach:
                    found = best[1]
                    break
                later = best is not None and max(s for s, _ in self._kept) > stamp + reach
                left = end - time.monotonic()
                if later or left <= 0 or not self._changed.wait(left):
                    return None
        return self._read(found)

    @property
    def received(self) -> bool:
        """Whether anything came at all."""
        return bool(self._kept)


class Calibration:
    """The newest CameraInfo, parsed again only when more than its stamp has changed."""

    def __init__(self) -> None:
        self._newest: memoryview | None = None
        self._parsed: tuple[bytes, bool] | None = None
        self._intrinsics: Intrinsics | None = None
        self._misfit = ""

    def put(self, data: memoryview) -> None:
        self._newest = data

    def intrinsics(self, rectified: bool, width: int, height: int) -> Intrinsics | None:
        """For a picture of this size; None where nothing came or the camera is not calibrated.

        Raises PearError where the bytes are no CameraInfo or are one of another picture shape.
        """
        newest = self._newest
        if newest is None:
            return None
        content = (bytes(newest[_STAMP.stop :]), rectified)
        if content != self._parsed:
            self._parsed, self._intrinsics = content, None
            message = codec.deserialize(newest, codec.CAMERA_INFO)
            self._intrinsics = camera_info.intrinsics(message, rectified=rectified)
        k = self._intrinsics
        if k is None:
            return None
        fitted = camera_info.fitted(k, width, height)
        self._misfit = ""
        if fitted is None:
            self._misfit = (
                f"CameraInfo is for {k.width}x{k.height}, the picture is {width}x{height}"
            )
            raise PearError(
                "calibration does not fit",
                expected=f"the proportions of a {width}x{height} picture",
                found=f"{k.width}x{k.height}",
            )
        return fitted

    @property
    def state(self) -> str:
        """ "calibrated", or in a few words why not."""
        if self._newest is None:
            return "no CameraInfo has come"
        if self._parsed is None:
            return "CameraInfo came, no picture yet"
        if self._intrinsics is None:
            return "CameraInfo holds no focal length"
        return self._misfit or "calibrated"
