"""What a row of durations says: middle, spread, tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pear_ros.bench.sampling import Samples

CALLS_FOR_P95, CALLS_FOR_P99 = 20, 100
"""With fewer calls a percentile would be the largest of them under another name."""


@dataclass(frozen=True)
class Summary:
    """Milliseconds per call. jitter_ms: p95 - median. None: too few calls to say."""

    calls: int
    warm_up_calls: int
    steady: bool
    fastest_ms: float
    p25_ms: float
    median_ms: float
    p75_ms: float
    p95_ms: float | None
    p99_ms: float | None
    jitter_ms: float | None


def summarise(samples: Samples) -> Summary:
    """Percentiles with linear interpolation between neighbours (numpy's default)."""
    ms = 1e3 * np.asarray(samples.seconds, np.float64)
    p25, median, p75 = (float(value) for value in np.percentile(ms, (25, 50, 75)))
    p95 = float(np.percentile(ms, 95)) if len(ms) >= CALLS_FOR_P95 else None
    p99 = float(np.percentile(ms, 99)) if len(ms) >= CALLS_FOR_P99 else None
    return Summary(
        calls=len(ms),
        warm_up_calls=samples.warm_up,
        steady=samples.steady,
        fastest_ms=float(ms.min()),
        p25_ms=p25,
        median_ms=median,
        p75_ms=p75,
        p95_ms=p95,
        p99_ms=p99,
        jitter_ms=None if p95 is None else p95 - median,
    )
