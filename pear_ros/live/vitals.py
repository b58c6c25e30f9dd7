"""How a live node is doing: rates, latencies and what was left out, over the last few seconds."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, fields

import numpy as np

from pear_ros.types import StageTimes

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Beat:
    """One published frame, times in nanoseconds of time.monotonic_ns.

    age: seconds from the picture's stamp to publishing, on the graph's clock; NaN where that clock
    says nothing about the stamp.
    """

    received: int
    published: int
    age: float
    decode: float
    mesh: float
    publish: float
    times: StageTimes
    people: int


@dataclass(frozen=True)
class Vital:
    """Numbers of a window: rates in Hz, times in seconds (NaN where nothing was published).

    latency: from a picture's arrival to its publication, age: from its stamp; both as (median, 95 %,
    99 %). stages: mean seconds per stage of the pipeline, with decode, mesh and publish.
    """

    rate_in: float
    rate_out: float
    latency: tuple[float, float, float]
    age: tuple[float, float, float]
    stages: dict[str, float]
    people: int


class Vitals:
    """Keeps the last `window` seconds; safe from any thread."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = int(window * SECOND)
        self._arrivals: deque[int] = deque(maxlen=2000)
        self._beats: deque[Beat] = deque(maxlen=2000)
        self._lock = threading.Lock()
        self.frames = 0
        self.last_arrival = 0
        """When the last picture came, 0 before the first."""

    def arrived(self, when: int) -> None:
        """A picture came."""
        with self._lock:
            self._arrivals.append(when)
            self.last_arrival = when

    def published(self, beat: Beat) -> None:
        with self._lock:
            self._beats.append(beat)
            self.frames += 1

    def read(self, now: int) -> Vital:
        """The numbers of the window that ends now (time.monotonic_ns)."""
        since = now - self._window
        with self._lock:
            arrivals = [t for t in self._arrivals if t > since]
            beats = [b for b in self._beats if b.published > since]
        names = [f.name for f in fields(StageTimes)]
        rows = [[b.decode, *(getattr(b.times, n) for n in names), b.mesh, b.publish] for b in beats]
        means = np.mean(rows, axis=0) if rows else np.full(len(names) + 3, np.nan)
        return Vital(
            rate_in=_rate(arrivals),
            rate_out=_rate([b.published for b in beats]),
            latency=_percentiles([(b.published - b.received) / SECOND for b in beats]),
            age=_percentiles([b.age for b in beats if np.isfinite(b.age)]),
            stages=dict(
                zip(["decode", *names, "mesh", "publish"], (float(m) for m in means), strict=True)
            ),
            people=beats[-1].people if beats else 0,
        )


def _rate(times: list[int]) -> float:
    """Events per second between the first and the last one."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    return (len(times) - 1) * SECOND / (times[-1] - times[0])


def _percentiles(values: list[float]) -> tuple[float, float, float]:
    if not values:
        return float("nan"), float("nan"), float("nan")
    median, high, highest = (float(v) for v in np.percentile(values, (50, 95, 99)))
    return median, high, highest
