"""Pictures first: callbacks of subscriptions run where they are found, everything else beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.executors import (
    ConditionReachedException,
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
)
from rclpy.subscription import Subscription


class PicturesFirst(Executor):
    """Runs callbacks of subscriptions, which only keep bytes, on the spinning thread, and services,
    timers and transitions, which may take seconds, on `num_threads` others.

    rclpy's MultiThreadedExecutor gives every callback away and goes on to look for the next: the
    half millisecond of Python that takes keeps the worker from the picture that has just come.
    """

    def __init__(self, num_threads: int = 2) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="pear callbacks")
        self._running: list[Any] = []

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """One callback; raises what it, or one that ran beside it, raised."""
        try:
            handler, entity, _ = self.wait_for_ready_callbacks(timeout_sec=timeout_sec)
        except (
            ConditionReachedException, ExternalShutdownException, ShutdownException, TimeoutException,
        ):  # fmt: skip
            return
        if isinstance(entity, Subscription):
            handler()
        else:
            self._pool.submit(handler)
        self._running.append(handler)
        ended, self._running = _parted(self._running)
        for task in ended:
            task.result()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Ends the spinning; callbacks that still run are waited for."""
        ended = bool(super().shutdown(timeout_sec))
        self._pool.shutdown()
        for task in self._running:
            # What fails because everything ends is nobody's business; unread, rclpy prints it.
            task.exception()
        return ended


def _parted(tasks: list[Any]) -> tuple[list[Any], list[Any]]:
    """Those that are done, and the others."""
    done = [task for task in tasks if task.done()]
    return done, [task for task in tasks if task not in done]
