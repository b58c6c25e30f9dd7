"""Made-up results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pear_ros.bench.conditions import Conditions
from pear_ros.bench.peaks import Peaks
from pear_ros.bench.record import Result, Row
from pear_ros.bench.roofline import roofline
from pear_ros.bench.summary import Summary
from pear_ros.bench.work import Work


def summary(median: float, half_width: float = 0.1, **changes: Any) -> Summary:
    """A row of 100 calls whose middle half is `half_width` to either side of the median."""
    values: dict[str, Any] = {
        "calls": 100, "warm_up_calls": 7, "steady": True, "fastest_ms": 0.8 * median,
        "p25_ms": median - half_width, "median_ms": median, "p75_ms": median + half_width,
        "p95_ms": 1.5 * median, "p99_ms": 2.0 * median, "jitter_ms": 0.5 * median,
    }  # fmt: skip
    return Summary(**{**values, **changes})


@pytest.fixture
def result() -> Callable[..., Result]:
    """result({(engine, target, people): median or Summary}, **fields) makes one."""

    def make(rows: dict[tuple[str, str, int], Any], **fields: Any) -> Result:
        engines = {name: {"backend": name.split()[0]} for name, _, _ in rows}
        made = tuple(
            Row(*key, value if isinstance(value, Summary) else summary(value))
            for key, value in rows.items()
        )
        peaks = Peaks("f32", 200.0, 100.0, 10.0)
        line = roofline(Work(2_000_000_000, 5_000_000), 1, 20.0, peaks)
        values: dict[str, Any] = {
            "model": {"model": "made_up", "weights_sha256": "ab"},
            "date": "2026-11-22T10:00:00+00:00",
            "machine": {"processor": "P", "cores": "2"},
            "versions": {"pear": "1"},
            "conditions": Conditions(0.1, 0.2, (2000,), (1900,), 12.5, 0.05),
            "settings": {"seconds": 2.0, "threads": None, "detector": "auto"},
            "engines": engines,
            "rows": made,
            "peaks": {next(iter(engines)): peaks},
            "rooflines": {next(iter(engines)): (line,)},
            "notes": ("take care",),
        }
        return Result(**{**values, **fields})

    return make
