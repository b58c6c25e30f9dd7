"""DiagnosticArray: how well a node does, as CDR bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from pear_ros.messages import codec


class Level(IntEnum):
    """Numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Percentiles:
    """Of a time, in seconds; NaN where nothing was measured."""

    median: float = math.nan
    p95: float = math.nan
    p99: float = math.nan


@dataclass(frozen=True)
class Health:
    """What a node says about itself.

    node: full name. hardware_id: the camera's topic or serial. level, message: the verdict, in
    words. backend, device, precision, fallback: of the engine, fallback empty where nothing was
    given up. rate_in, rate_out: pictures and results per second (Hz). latency: a picture's stamp to
    the publishing of its result. stages: mean seconds per stage. dropped: pictures not answered, by
    reason. problems: survived faults, by kind. calibrated, calibration_reason: whether positions are
    metric, and if not, why. people: in the newest result. frames: results since the start.
    """

    node: str
    hardware_id: str
    level: Level
    message: str
    backend: str = ""
    device: str = ""
    precision: str = ""
    fallback: str = ""
    rate_in: float = math.nan
    rate_out: float = math.nan
    latency: Percentiles = field(default_factory=Percentiles)
    stages: Mapping[str, float] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)
    calibrated: bool = False
    calibration_reason: str = ""
    people: int = 0
    frames: int = 0


def diagnostic_array(health: Health, stamp: int) -> bytes:
    """diagnostic_msgs/DiagnosticArray of one node, as CDR with the 4-byte header.

    stamp: now, nanoseconds. One status, named "<node>: mesh recovery"; its values are those of
    `values`.
    """
    out = codec.CdrWriter()
    out.header(stamp, "")
    out.pack("I", 1)
    out.pack("B", int(health.level))
    for text in (f"{health.node}: mesh recovery", health.message, health.hardware_id):
        out.string(text)
    pairs = values(health)
    out.pack("I", len(pairs))
    for key, value in pairs:
        out.string(key)
        out.string(value)
    return out.finish()


def values(health: Health) -> Sequence[tuple[str, str]]:
    """Keys and texts of a Health in the order people read them; units are part of the keys."""
    state = "CALIBRATED" if health.calibrated else "UNCALIBRATED"
    reason = f": {health.calibration_reason}" if health.calibration_reason else ""
    latency = health.latency
    return [
        ("people", str(health.people)),
        ("calibration", state + reason),
        ("engine", health.backend),
        ("device", health.device),
        ("precision", health.precision),
        ("fallback", health.fallback or "none"),
        ("pictures in (Hz)", _number(health.rate_in)),
        ("results out (Hz)", _number(health.rate_out)),
        ("latency median (ms)", _milliseconds(latency.median)),
        ("latency 95 % (ms)", _milliseconds(latency.p95)),
        ("latency 99 % (ms)", _milliseconds(latency.p99)),
        *((f"{name} mean (ms)", _milliseconds(mean)) for name, mean in health.stages.items()),
        ("results", str(health.frames)),
        ("dropped", str(sum(health.dropped.values()))),
        *((f"dropped: {why}", str(n)) for why, n in sorted(health.dropped.items())),
        ("problems", str(sum(health.problems.values()))),
        *((f"problem: {kind}", str(n)) for kind, n in sorted(health.problems.items())),
    ]


def _number(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "unknown"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.2f}" if math.isfinite(seconds) else "unknown"
