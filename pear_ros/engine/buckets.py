"""Any number of people on graphs that take a few sizes, and on devices that run out of memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from pear_ros.engine.base import Session
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

BUCKETS = (1, 2, 4, 8)
"""Numbers of people that a graph is run with."""
_NO_ROOM = (
    "out of memory",
    "bad_alloc",
    "failed to allocate",
    "cannot allocate",
    "not enough memory",
)


def bucket(count: int) -> int:
    """The smallest bucket that holds `count` people; the largest one if none does."""
    return next((size for size in BUCKETS if size >= count), BUCKETS[-1])


def chunks(count: int, largest: int) -> list[slice]:
    """Consecutive parts of at most `largest` people."""
    return [slice(i, min(i + largest, count)) for i in range(0, count, largest)]


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of a back end means that there was no room."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _NO_ROOM)


class BucketSession:
    """A session of at most so many people per call; half as many after it ran out of memory.

    padded: fill up to the next bucket with the last person, for back ends that prepare each size
    anew. Safe to call from any thread. Raises PearError where one person does not fit either.
    """

    def __init__(self, session: Session, where: str, padded: bool = False) -> None:
        self._session, self._where, self._padded = session, where, padded
        self._lock = threading.Lock()
        self._largest = BUCKETS[-1]

    @property
    def largest(self) -> int:
        """People per call at present."""
        return self._largest

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        count = len(next(iter(inputs.values())))
        parts: list[dict[str, FloatArray]] = []
        done = 0
        while done < count:
            size = min(self._largest, count - done)
            part = {name: value[done : done + size] for name, value in inputs.items()}
            try:
                parts.append(self._part(part, size))
            except Exception as error:
                if not out_of_memory(error):
                    raise
                self._halve(size, error)
                continue
            done += size
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _part(self, inputs: dict[str, FloatArray], size: int) -> dict[str, FloatArray]:
        missing = bucket(size) - size if self._padded else 0
        if not missing:
            return self._session.run(inputs)
        filled = {
            name: np.concatenate([value, np.repeat(value[-1:], missing, axis=0)])
            for name, value in inputs.items()
        }
        return {name: value[:size] for name, value in self._session.run(filled).items()}

    def _halve(self, size: int, error: Exception) -> None:
        if size == 1:
            raise PearError(
                "no memory for one person", where=self._where, found=str(error)
            ) from None
        with self._lock:
            self._largest = min(self._largest, max(1, bucket(size) // 2))
