"""Says how a live application does: /diagnostics, a heartbeat, and log lines about new faults."""

from __future__ import annotations

import math
import time
from typing import Protocol

from pear_ros.engine.base import EngineInfo
from pear_ros.live.faults import Faults
from pear_ros.live.graph import Graph, Level, Publisher, Qos
from pear_ros.live.settings import Settings
from pear_ros.live.slot import Newest
from pear_ros.live.vitals import SECOND, Vitals
from pear_ros.live.worker import Waiting
from pear_ros.messages import diagnostics as diagnostic
from pear_ros.messages.heartbeat import State, heartbeat

DIAGNOSTICS, HEARTBEAT = "/diagnostics", "heartbeat"
DIAGNOSTIC_ARRAY = "diagnostic_msgs/msg/DiagnosticArray"
HEARTBEAT_TYPE = "pear/msg/Heartbeat"
DROPPED = ("late", "duplicate", "stamp", "encoding", "size", "step", "truncated", "unreadable")
"""Kinds of problems that mean a picture without an answer."""
LESSENED = ("engine", "output", "calibration", "depth", "detections", "tf", "watch")
"""Kinds of problems that make answers worse than what was asked for, the gravest first."""


class _Engine(Protocol):
    @property
    def info(self) -> EngineInfo: ...


class _Source(Protocol):
    topic: str

    def calibration_state(self) -> str: ...


class Watched(Protocol):
    """The part of an application that is reported."""

    @property
    def settings(self) -> Settings: ...
    @property
    def vitals(self) -> Vitals: ...
    @property
    def problems(self) -> Faults: ...
    @property
    def engine(self) -> _Engine: ...
    @property
    def source(self) -> _Source: ...
    @property
    def slot(self) -> Newest[Waiting]: ...
    @property
    def failure(self) -> str: ...


class Reporter:
    """Publishes `health` and a heartbeat each time it is asked to."""

    def __init__(self, graph: Graph, watched: Watched) -> None:
        self._graph, self._watched = graph, watched
        self._topics: dict[str, Publisher] = {}
        self._beats = 0
        self._told: dict[str, int] = {}
        self._lessened, self._lessened_at = "", 0
        self._verdict = self._pending = (diagnostic.Level.OK, "")

    def open(self) -> None:
        self._topics = {
            DIAGNOSTICS: self._graph.advertise(DIAGNOSTICS, DIAGNOSTIC_ARRAY, Qos()),
            HEARTBEAT: self._graph.advertise(HEARTBEAT, HEARTBEAT_TYPE, Qos(depth=1)),
        }

    def close(self) -> None:
        for publisher in self._topics.values():
            publisher.close()
        self._topics = {}

    def report(self) -> None:
        """Once per period."""
        lessened, clock = self._log_new_faults(), time.monotonic_ns()
        if lessened:
            self._lessened, self._lessened_at = lessened, clock
        elif clock - self._lessened_at > self._watched.settings.silence * SECOND:
            self._lessened = ""
        node = self._graph.resolve("~").rstrip("/")
        found = health(self._watched, node, clock, self._lessened)
        now = self._graph.now()
        self._beats += 1
        self._topics[DIAGNOSTICS].publish(diagnostic.diagnostic_array(found, now))
        beat = heartbeat(
            now, self._beats, node, state=State.ACTIVE, level=found.level, frames=found.frames,
            rate=found.rate_out,
        )  # fmt: skip
        self._topics[HEARTBEAT].publish(beat)
        if found.message != self._lessened:
            self._log_verdict(found)

    def _log_verdict(self, found: diagnostic.Health) -> None:
        """One line when the verdict has changed, for more than one report."""
        verdict = (found.level, found.message.split()[0])
        if verdict == self._pending != self._verdict:
            if found.level is diagnostic.Level.OK:
                self._graph.log(Level.INFO, f"{found.message}: {pace(found)}")
            else:
                self._graph.log(Level.WARN, found.message)
            self._verdict = verdict
        self._pending = verdict

    def _log_new_faults(self) -> str:
        """One line per kind of fault and period, with how often it has happened; the gravest new
        one that lessens answers is returned, or "".
        """
        problems, fresh = self._watched.problems, {}
        for kind, count in list(problems.counts.items()):
            if count == self._told.get(kind, 0):
                continue
            told, self._told[kind] = self._told.get(kind, 0), count
            example = problems.newest[kind]
            fresh[kind] = f"{kind}: {example.reason}"
            # The first of a kind at once; then from 10, 100, ... on, so that a log stays readable.
            if len(str(count)) > len(str(told)) or not told:
                self._graph.log(Level.WARN, f"{example} ({count} of kind {kind!r} so far)")
        return next((fresh[kind] for kind in LESSENED if kind in fresh), "")


def health(watched: Watched, node: str, now: int, lessened: str = "") -> diagnostic.Health:
    """The verdict and its numbers; now: time.monotonic_ns. lessened: a new fault, as for `verdict`."""
    vital, problems = watched.vitals.read(now), watched.problems.counts
    info = watched.engine.info
    state = watched.source.calibration_state()
    level, message = verdict(watched, now, lessened)
    median, high, highest = vital.age if math.isfinite(vital.age[0]) else vital.latency
    dropped = {"replaced by a newer one": watched.slot.replaced}
    dropped |= {kind: problems[kind] for kind in DROPPED if problems[kind]}
    return diagnostic.Health(
        node=node,
        hardware_id=watched.source.topic,
        level=level,
        message=message,
        backend=f"{info.backend} {info.version}",
        device=info.device,
        precision=info.precision,
        fallback=info.fallback,
        rate_in=vital.rate_in,
        rate_out=vital.rate_out,
        latency=diagnostic.Percentiles(median, high, highest),
        stages=vital.stages,
        dropped=dropped,
        problems={k: n for k, n in problems.items() if k not in DROPPED},
        calibrated=state == "calibrated",
        calibration_reason="" if state == "calibrated" else state,
        people=vital.people,
        frames=watched.vitals.frames,
    )


def pace(found: diagnostic.Health) -> str:
    """How fast, in words."""
    rates = f"{found.rate_in:.1f} pictures and {found.rate_out:.1f} results a second"
    late = found.latency.median
    return f"{rates}, {late * 1e3:.0f} ms late" if math.isfinite(late) else rates


def verdict(watched: Watched, now: int, lessened: str = "") -> tuple[diagnostic.Level, str]:
    """Level and reason, the worst first. lessened: what new fault makes answers worse, or ""."""
    if watched.failure:
        return diagnostic.Level.ERROR, f"the engine gave up: {watched.failure}"
    topic, last = watched.source.topic, watched.vitals.last_arrival
    if not last:
        return diagnostic.Level.STALE, f"no picture has come on {topic}"
    silent = (now - last) / SECOND
    if silent > watched.settings.silence:
        return diagnostic.Level.STALE, f"no picture on {topic} for {silent:.1f} s"
    if not watched.vitals.frames:
        reason = _refusal(watched.problems)
        if not reason:
            return diagnostic.Level.WARN, f"the first picture on {topic} is in work"
        return diagnostic.Level.ERROR, f"pictures come on {topic}, none can be used: {reason}"
    state = watched.source.calibration_state()
    if state != "calibrated":
        return diagnostic.Level.WARN, f"UNCALIBRATED: {state}; positions are guesses, no TF"
    if lessened:
        return diagnostic.Level.WARN, lessened
    if watched.engine.info.fallback:
        return diagnostic.Level.WARN, f"running on a fallback: {watched.engine.info.fallback}"
    return diagnostic.Level.OK, "running"


def _refusal(problems: Faults) -> str:
    """Why most pictures had no answer, "" where none was refused."""
    kind = max((*DROPPED, "engine"), key=lambda kind: problems.counts[kind])
    return problems.newest[kind].reason if problems.counts[kind] else ""
