"""A graph with nobody in it: for `pear live` without DDS, where only the terminal listens."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from pear_ros.live.graph import Level, Publisher, Qos, Subscription


class Nowhere:
    """Delivers nothing, sends nothing; warnings and errors go to standard error."""

    def now(self) -> int:
        return time.time_ns()

    def resolve(self, topic: str) -> str:
        return "/" + topic.strip("/")

    def types(self, topic: str) -> tuple[str, ...]:
        return ()

    def subscribe(
        self, topic: str, type_name: str, qos: Qos, callback: Callable[[memoryview], None]
    ) -> Subscription:
        return _Nothing()

    def advertise(self, topic: str, type_name: str, qos: Qos) -> Publisher:
        return _Nothing()

    def serve(self, service: str, callback: Callable[[], tuple[bool, str]]) -> None:
        """There is nobody to call it."""

    def log(self, level: Level, text: str) -> None:
        if level >= Level.WARN:
            print(f"pear: {level.name.lower()}: {text}", file=sys.stderr)


class _Nothing:
    subscribers = 0

    def publish(self, data: bytes) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing was open."""
