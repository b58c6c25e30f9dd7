"""The parity report as a picture: an SVG file, drawn without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from pear_core.export.parity import ParityReport

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555")
"""Okabe and Ito's, which colour-blind people can tell apart."""
_WIDTH, _LEFT, _CURVES, _BAR = 900, 190, 300, 5


def parity_svg(reports: Sequence[ParityReport], title: str) -> str:
    """Error of every crop, from the best to the worst, and error of every joint, one colour per
    engine. Both scales are logarithmic.
    """
    joints = sorted(
        {joint for report in reports for joint in report.degrees_per_joint},
        key=lambda joint: -max(r.degrees_per_joint.get(joint, 0.0) for r in reports),
    )
    legend = 60 + 18 * len(reports)
    bars_at = legend + _CURVES + 70
    row = _BAR * len(reports) + 5
    height = bars_at + 30 + row * len(joints) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(20, 28, title, size=17),
    ]
    for number, report in enumerate(reports):
        y = 52 + 18 * number
        parts.append(f'<rect x="20" y="{y - 9}" width="14" height="10" fill="{_colour(number)}"/>')
        failed = f"  FAILS: {'; '.join(report.failures())}" if report.failures() else ""
        words = (
            f"{report.engine} {report.precision}: mean vertex {report.vertices.mean:.3g} mm "
            f"(limit {report.limits.mean_vertex_mm:g}), mean joint {report.rotations.mean:.2g} "
            f"degrees, {report.crops} crops{failed}"
        )
        parts.append(_text(42, y, words))
    parts += _curves(reports, legend)
    parts += _bars(reports, joints, bars_at, row)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _curves(reports: Sequence[ParityReport], top: int) -> list[str]:
    values = [mm for report in reports for mm in report.crop_mm if 0 < mm < math.inf]
    low, high = _decades([*values, *(r.limits.mean_vertex_mm for r in reports)])
    bottom, right = top + 20 + _CURVES, _WIDTH - 30

    def at(mm: float) -> float:
        share = (math.log10(min(max(mm, low), high)) - math.log10(low)) / math.log10(high / low)
        return bottom - share * _CURVES

    parts = [_text(20, top + 10, "mean vertex error of each crop in mm, best to worst")]
    parts += [
        f'<line x1="{_LEFT}" x2="{right}" y1="{at(tick):.1f}" y2="{at(tick):.1f}" stroke="#ddd"/>'
        + _text(_LEFT - 8, at(tick) + 4, f"{tick:g}", anchor="end")
        for tick in _ticks(low, high)
    ]
    for number, report in enumerate(reports):
        ranked = sorted(report.crop_mm)
        step = (right - _LEFT) / max(len(ranked) - 1, 1)
        points = " ".join(f"{_LEFT + i * step:.1f},{at(mm):.1f}" for i, mm in enumerate(ranked))
        line = f'stroke="{_colour(number)}" fill="none"'
        limit = at(report.limits.mean_vertex_mm)
        parts.append(f'<polyline points="{points}" stroke-width="2" {line}/>')
        parts.append(
            f'<line x1="{_LEFT}" x2="{right}" y1="{limit:.1f}" y2="{limit:.1f}" '
            f'stroke-dasharray="5 4" {line}/>'
        )
    return parts


def _bars(reports: Sequence[ParityReport], joints: Sequence[str], top: int, row: int) -> list[str]:
    values = [v for r in reports for v in r.degrees_per_joint.values() if 0 < v < math.inf]
    low, high = _decades(values)
    width = _WIDTH - 30 - _LEFT

    def at(degrees: float) -> float:
        return width * math.log10(min(max(degrees, low), high) / low) / math.log10(high / low)

    parts = [_text(20, top, "mean error of each joint in degrees, worst joints first")]
    bottom = top + 30 + row * len(joints)
    parts += [
        f'<line x1="{_LEFT + at(tick):.1f}" x2="{_LEFT + at(tick):.1f}" y1="{top + 24}" '
        f'y2="{bottom}" stroke="#ddd"/>'
        + _text(_LEFT + at(tick), top + 18, f"{tick:g}", anchor="middle")
        for tick in _ticks(low, high)
    ]
    for place, joint in enumerate(joints):
        y = top + 30 + row * place
        parts.append(_text(_LEFT - 8, y + row / 2 + 2, joint, anchor="end", size=10))
        for number, report in enumerate(reports):
            length = at(report.degrees_per_joint.get(joint, 0.0))
            parts.append(
                f'<rect x="{_LEFT}" y="{y + _BAR * number}" width="{length:.1f}" '
                f'height="{_BAR - 1}" fill="{_colour(number)}"/>'
            )
    return parts


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around positive values, at least one decade apart."""
    found = [v for v in values if 0 < v < math.inf] or [1.0]
    low, high = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def _ticks(low: float, high: float) -> list[float]:
    return [10.0**n for n in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(words)}</text>"
    )
