"""The result of a benchmark as values and as JSON, the same form for every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pear_ros.bench.conditions import Conditions
from pear_ros.bench.peaks import Peaks
from pear_ros.bench.roofline import Roofline
from pear_ros.bench.summary import Summary
from pear_ros.problems import PearError

FORMAT = "pear-bench-1"


@dataclass(frozen=True)
class Row:
    """One thing measured: a target, for so many people, on one engine.

    stages_ms: medians of its parts, where it has any. reference_ms: median of eager torch in float32
    on the same, None where that was not measured.
    """

    engine: str
    target: str
    people: int
    summary: Summary
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    reference_ms: float | None = None

    @property
    def name(self) -> str:
        return f"{self.target} x{self.people}"

    @property
    def speedup(self) -> float | None:
        """How many times faster than eager torch."""
        return None if self.reference_ms is None else self.reference_ms / self.summary.median_ms


@dataclass(frozen=True)
class Result:
    """Everything a run says. engines: by the label of their rows, what `EngineInfo` says in words.

    settings: how it was measured. notes: what a reader must know before believing a figure.
    """

    model: Mapping[str, Any]
    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    conditions: Conditions
    settings: Mapping[str, Any]
    engines: Mapping[str, Mapping[str, Any]]
    rows: tuple[Row, ...]
    peaks: Mapping[str, Peaks] = field(default_factory=dict)
    rooflines: Mapping[str, tuple[Roofline, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def as_object(result: Result) -> dict[str, Any]:
    """For json.dumps; numbers are rounded to what a clock can tell."""
    content: dict[str, Any] = _rounded(asdict(result))
    rows = []
    for row in content["rows"]:
        summary = row.pop("summary")
        rows.append(row | summary)
    return {"format": FORMAT, **content, "rows": rows}


def read(path: str | Path) -> Result:
    """The result in a JSON file. Raises PearError if it is none."""
    where = str(path)
    try:
        content = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise PearError("cannot read the benchmark", where=where, found=str(error)) from None
    found = content.get("format") if isinstance(content, dict) else type(content).__name__
    if found != FORMAT:
        raise PearError(
            "not a benchmark", where=where, expected=f"format {FORMAT}", found=repr(found)
        )
    content.pop("format")
    try:
        content["rows"] = tuple(_row(row) for row in content["rows"])
        content["conditions"] = Conditions(**content["conditions"])
        content["peaks"] = {k: Peaks(**v) for k, v in content["peaks"].items()}
        content["rooflines"] = {
            label: tuple(Roofline(**line) for line in lines)
            for label, lines in content["rooflines"].items()
        }
        return Result(**{**content, "notes": tuple(content["notes"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise PearError("an incomplete benchmark", where=where, found=str(error)) from None


def _row(content: dict[str, Any]) -> Row:
    names = {f.name for f in fields(Summary)}
    summary = Summary(**{name: content.pop(name) for name in names})
    return Row(summary=summary, **content)


def _rounded(value: Any) -> Any:
    """Five significant digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(entry) for entry in value]
    return value
