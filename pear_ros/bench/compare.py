"""Two results side by side: which is faster, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pear_ros.bench.record import Result, Row
from pear_ros.problems import PearError


@dataclass(frozen=True)
class Comparison:
    """One row of both. ratio: median of the first over median of the second, above 1 where the second
    is faster. beyond_spread: the middle halves of their calls (p25 to p75) do not overlap.
    """

    name: str
    first_ms: float
    second_ms: float
    ratio: float
    beyond_spread: bool

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.beyond_spread:
            return "no difference beyond the spread"
        faster, times = ("B", self.ratio) if self.ratio > 1 else ("A", 1 / self.ratio)
        return f"{faster} is {times:.2f} x faster"


def compare(first: Result, second: Result) -> list[Comparison]:
    """Rows that both have, in the first's order. Raises PearError if there is none.

    Engines are matched by their label; where the two have no label in common and one engine each,
    these two are what is compared.
    """
    common = set(first.engines) & set(second.engines)
    if not common and (len(first.engines), len(second.engines)) != (1, 1):
        raise PearError(
            "the benchmarks have no engine in common",
            where="compare",
            expected=", ".join(first.engines),
            found=", ".join(second.engines),
        )
    others = {_key(row, bool(common)): row for row in second.rows}
    found = [
        _compared(row, others[key], len(common) > 1)
        for row in first.rows
        if (key := _key(row, bool(common))) in others
    ]
    if not found:
        raise PearError("the benchmarks have no row in common", where="compare")
    return found


def differences(first: Result, second: Result) -> list[str]:
    """What differs between the runs besides the engine, and makes a comparison unfair."""
    pairs = [
        (what, one.get(what), other.get(what))
        for one, other, names in (
            (
                first.machine,
                second.machine,
                ("processor", "cores", "gpu", "power_mode", "governor"),
            ),
            (first.model, second.model, ("model", "weights_sha256")),
            (first.settings, second.settings, ("threads", "detector")),
        )
        for what in names
    ]
    lines = [f"{what}: {a or '-'} and {b or '-'}" for what, a, b in pairs if a != b]
    noted = [f"{label}: {note}" for label, r in (("A", first), ("B", second)) for note in r.notes]
    return lines + noted


def table(comparisons: Sequence[Comparison]) -> str:
    """For people."""
    width = max(len(c.name) for c in comparisons)
    lines = [f"{'':{width}}  {'A ms':>10}  {'B ms':>10}  {'A/B':>6}"]
    lines += [
        f"{c.name:{width}}  {c.first_ms:10.3f}  {c.second_ms:10.3f}  {c.ratio:6.2f}  {c.verdict}"
        for c in comparisons
    ]
    return "\n".join(lines)


def _key(row: Row, by_engine: bool) -> tuple[str, str, int]:
    return (row.engine if by_engine else "", row.target, row.people)


def _compared(first: Row, second: Row, named: bool) -> Comparison:
    a, b = first.summary, second.summary
    apart = a.p75_ms < b.p25_ms or b.p75_ms < a.p25_ms
    name = f"{first.engine} {first.name}" if named else first.name
    return Comparison(name, a.median_ms, b.median_ms, a.median_ms / b.median_ms, apart)
