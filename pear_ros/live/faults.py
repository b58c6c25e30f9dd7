"""Problems of something that runs for days: what is wrong now counts, not what was wrong first."""

from __future__ import annotations

from pear_ros.problems import Problem, Problems


class Faults(Problems):
    """Problems that also keep the newest of each kind."""

    def __init__(self, keep: int = 5) -> None:
        super().__init__(keep)
        self.newest: dict[str, Problem] = {}

    def add(self, kind: str, topic: str, stamp: int, reason: str) -> None:
        # First the newest: who sees the count must find it.
        self.newest[kind] = Problem(kind, topic, stamp, reason)
        super().add(kind, topic, stamp, reason)
