"""A place for one waiting item: the newest wins, the ones it replaced are counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """Between a thread that receives and one that works; never holds more than one item.

    arrived: told when (time.monotonic_ns) something was put.
    """

    def __init__(self, arrived: Callable[[int], None] | None = None) -> None:
        self._arrived = arrived
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.received = self.replaced = self.taken = 0

    def put(self, item: T) -> None:
        """Takes the place of what was waiting; ignored after `close`."""
        if self._arrived is not None:
            self._arrived(time.monotonic_ns())
        with self._changed:
            if self._closed:
                return
            self.received += 1
            self.replaced += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """The waiting item, or None after `timeout` seconds or `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            self.taken += item is not None
            return item

    def close(self) -> None:
        """Drops what waits and wakes the taker."""
        with self._changed:
            self._closed, self._item = True, None
            self._changed.notify_all()

    @property
    def waiting(self) -> bool:
        """Whether something is there to be taken."""
        return self._item is not None

    @property
    def closed(self) -> bool:
        return self._closed
