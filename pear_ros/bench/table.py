"""A result as text for people."""

from __future__ import annotations

from pear_ros.bench.record import Result, Row

_HEADS = ("", "median", "p95", "p99", "jitter", "per person", "calls", "eager torch", "faster")


def table(result: Result) -> str:
    """Rows of one engine below each other, milliseconds per call."""
    parts = []
    for label in result.engines:
        rows = [_cells(row) for row in result.rows if row.engine == label]
        widths = [max(len(line[i]) for line in (_HEADS, *rows)) for i in range(len(_HEADS))]
        lines = [label]
        for line in (_HEADS, *rows):
            cells = [line[0].ljust(widths[0])]
            cells += [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
            lines.append("  " + "  ".join(cells).rstrip())
        lines += [f"  {line.text()}" for line in result.rooflines.get(label, ())]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    s = row.summary
    faster = row.speedup
    return (
        row.name + ("" if s.steady else " (not steady)"),
        _ms(s.median_ms),
        _ms(s.p95_ms),
        _ms(s.p99_ms),
        _ms(s.jitter_ms),
        _ms(s.median_ms / row.people),
        str(s.calls),
        _ms(row.reference_ms) if row.reference_ms is not None else "",
        f"{faster:.1f} x" if faster is not None else "",
    )


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"
