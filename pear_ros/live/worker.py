"""The one thread that works: newest picture in, people out, to everybody who wants them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pear_ros.live.slot import Newest
from pear_ros.problems import PearError, Problems
from pear_ros.types import Frame, HumanFrame

RESTART = 500_000_000
"""Stamps that go back by more nanoseconds than this are a new run, less are late pictures."""
GIVE_UP = 5
"""So many failures of the engine in a row, and the worker ends."""


class Waiting(Protocol):
    """A picture that has not been looked at."""

    @property
    def received(self) -> int:
        """When it came: time.monotonic_ns."""
        ...

    def frame(self) -> Frame:
        """Decode it, with what belongs to its stamp. Raises PearError."""
        ...


class Process(Protocol):
    """The part of the pipeline that the worker needs."""

    def process(self, frame: Frame) -> HumanFrame: ...

    def reset(self) -> None: ...


@dataclass(frozen=True)
class Done:
    """One processed picture. received, begun, finished: time.monotonic_ns; decode_seconds: message to
    pixels, waiting for companions included.
    """

    frame: Frame
    result: HumanFrame
    received: int
    begun: int
    decode_seconds: float
    finished: int


Sink = Callable[[Done], None]


class Worker:
    """Takes the newest picture, runs the pipeline, hands the result to the sinks in order.

    A picture that cannot be read, comes late or comes twice is counted and left out. An
    engine that fails `GIVE_UP` times in a row ends the worker: `failed` is called with the reason,
    once, from the worker's thread.
    """

    def __init__(
        self,
        slot: Newest[Waiting],
        pipeline: Process,
        sinks: Sequence[Sink],
        problems: Problems,
        failed: Callable[[str], None],
    ) -> None:
        self._slot, self._pipeline, self._sinks = slot, pipeline, tuple(sinks)
        self._problems, self._failed = problems, failed
        self._last: int | None = None
        self._failures = 0
        self.finished = 0
        """Pictures that were taken and are done with, one way or another."""
        self._reset = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pear worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Ends after the picture in work; whether it did within the timeout."""
        self._slot.close()
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def reset(self) -> None:
        """Forget everybody before the next picture; safe from any thread."""
        self._reset.set()

    def _run(self) -> None:
        while not self._slot.closed:
            waiting = self._slot.take(0.5)
            if waiting is None:
                continue
            try:
                self._one(waiting)
                self._failures = 0
            except _Unusable:
                pass
            except Exception as error:
                self._failures += 1
                reason = f"{type(error).__name__}: {error}"
                self._problems.add("engine", "engine", 0, reason)
                self._pipeline.reset()
                if self._failures >= GIVE_UP:
                    self._slot.close()
                    self._failed(f"{GIVE_UP} failures in a row, the last: {reason}")
            self.finished += 1

    def _one(self, waiting: Waiting) -> None:
        begun = time.monotonic_ns()
        if self._reset.is_set():
            self._reset.clear()
            self._pipeline.reset()
        try:
            frame = waiting.frame()
        except PearError as error:
            kind = getattr(error, "kind", "message")
            self._problems.add(kind, error.where, 0, str(error))
            raise _Unusable from None
        self._check_stamp(frame)
        decoded = time.monotonic_ns()
        result = self._pipeline.process(frame)
        done = Done(
            frame, result, waiting.received, begun, (decoded - begun) * 1e-9, time.monotonic_ns()
        )
        for sink in self._sinks:
            try:
                sink(done)
            except Exception as error:
                # Who shows or sends a result must not stop the others, nor the next picture.
                reason = f"{type(error).__name__}: {error}"
                self._problems.add("output", frame.source, frame.stamp, reason)

    def _check_stamp(self, frame: Frame) -> None:
        """Lets only pictures through that are newer than the last one, or start a new run."""
        stamp, last = frame.stamp, self._last
        if last is None:
            self._last = stamp
            return
        if stamp == last:
            self._refuse(frame, "duplicate", "the stamp of the picture before")
        if stamp < last:
            if last - stamp <= RESTART:
                self._refuse(frame, "late", f"{(last - stamp) * 1e-6:.0f} ms older than the last")
            reason = f"time went back by {(last - stamp) * 1e-9:.3f} s: everybody is forgotten"
            self._problems.add("clock", frame.source, stamp, reason)
            self._pipeline.reset()
        self._last = stamp

    def _refuse(self, frame: Frame, kind: str, reason: str) -> None:
        self._problems.add(kind, frame.source, frame.stamp, reason)
        raise _Unusable


class _Unusable(Exception):
    """This picture is left out; it has been counted."""
