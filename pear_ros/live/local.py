"""Pictures from this machine (a camera, a video, a bag) at the pace they were taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pear_ros.live.settings import Settings
from pear_ros.live.slot import Newest
from pear_ros.live.worker import Waiting
from pear_ros.problems import PearError
from pear_ros.types import Frame


class LocalSource:
    """Puts frames into a slot as a camera would: on time, whether or not the last one is done.

    frames: read on a thread of its own. rate: speed over the stamps' own pace; None does not wait
    (a camera paces itself). ended: called when the frames are over, with what went wrong or "".
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        slot: Newest[Waiting],
        *,
        topic: str,
        rate: float | None,
        ended: Callable[[str], None],
    ) -> None:
        self.topic = topic
        self._frames, self._slot, self._rate, self._ended = frames, slot, rate, ended
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pear source", daemon=True)
        self._state = "no picture yet"

    def open(self) -> None:
        self._thread.start()

    def attend(self, settings: Settings) -> None:
        """Nothing changes on the way."""

    def calibration_state(self) -> str:
        return self._state

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        reason = ""
        try:
            self._play()
        except PearError as error:
            reason = str(error)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        if not self._closing.is_set():
            self._ended(reason)

    def _play(self) -> None:
        began, first = time.monotonic(), None
        for frame in self._frames:
            if first is None or frame.stamp < first:
                began, first = time.monotonic(), frame.stamp
            if self._rate is not None:
                due = began + (frame.stamp - first) * 1e-9 / self._rate
                if self._closing.wait(max(0.0, due - time.monotonic())):
                    return
            if self._closing.is_set():
                return
            known = frame.intrinsics is not None
            self._state = "calibrated" if known else "no calibration is given"
            self._slot.put(_Ready(frame, time.monotonic_ns()))


@dataclass(frozen=True)
class _Ready:
    picture: Frame
    received: int

    def frame(self) -> Frame:
        return self.picture
