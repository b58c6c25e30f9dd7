"""A place for one waiting item: the newest wins, the ones it replaced are counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
HAND_OVER = 0.002
"""Seconds at most that `put` waits until a waiting taker has begun. Python's threads run one at a time:
whoever puts is about to do other work (rclpy's executor half a millisecond of it, after every
message), and the taker should go first."""


class _Taker:
    """Somebody who waits. Bare locks, because they wake in half the time of a Condition."""

    def __init__(self) -> None:
        self.wake, self.begun = threading.Lock(), threading.Lock()
        self.wake.acquire()
        self.begun.acquire()


class Newest(Generic[T]):
    """Between a thread that receives and one that works; never holds more than one item.

    arrived: told when (time.monotonic_ns) something was put.
    """

    def __init__(self, arrived: Callable[[int], None] | None = None) -> None:
        self._arrived = arrived
        self._lock = threading.Lock()
        self._taker: _Taker | None = None
        self._item: T | None = None
        self._closed = False
        self.received = self.replaced = self.taken = 0

    def put(self, item: T) -> None:
        """Takes the place of what was waiting; ignored after `close`."""
        if self._arrived is not None:
            self._arrived(time.monotonic_ns())
        with self._lock:
            if self._closed:
                return
            self.received += 1
            self.replaced += self._item is not None
            self._item = item
            taker = self._called()
        if taker is not None:
            taker.begun.acquire(timeout=HAND_OVER)

    def take(self, timeout: float) -> T | None:
        """The waiting item, or None after `timeout` seconds or `close`; for one thread."""
        taker: _Taker | None = None
        with self._lock:
            if self._item is None and not self._closed:
                taker = self._taker = _Taker()
        if taker is not None:
            taker.wake.acquire(timeout=timeout)
        with self._lock:
            self._taker = None
            item, self._item = self._item, None
            self.taken += item is not None
        if taker is not None:
            taker.begun.release()
        return item

    def close(self) -> None:
        """Drops what waits and wakes the taker."""
        with self._lock:
            self._closed, self._item = True, None
            self._called()

    def _called(self) -> _Taker | None:
        """Wakes whoever waits."""
        taker, self._taker = self._taker, None
        if taker is not None:
            taker.wake.release()
        return taker

    @property
    def waiting(self) -> bool:
        """Whether something is there to be taken."""
        return self._item is not None

    @property
    def closed(self) -> bool:
        return self._closed
