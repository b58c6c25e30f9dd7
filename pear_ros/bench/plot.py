"""A result as a picture: a bar per row on a logarithmic axis, with its spread; SVG or PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np

from pear_ros.bench.record import Result
from pear_ros.output.atomic import write_bytes
from pear_ros.palette import PALETTE
from pear_ros.problems import PearError

Colour = tuple[int, int, int]
_INK: Colour = (40, 40, 46)
_GRID: Colour = (222, 222, 228)
_REFERENCE: Colour = (213, 94, 0)
_LINE, _TOP, _LEFT, _WIDTH, _RIGHT = 22, 46, 250, 520, 110
_SUFFIXES = (".svg", ".png")


@dataclass(frozen=True)
class Shape:
    """A filled rectangle, or text that starts at (or with anchor "end" ends at) x, y."""

    x: float
    y: float
    width: float = 0.0
    height: float = 0.0
    colour: Colour = _INK
    text: str = ""
    anchor: str = "start"


def write_plot(path: str | Path, result: Result) -> None:
    """Write the picture; its suffix says which kind. Raises PearError."""
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise PearError(
            "unknown kind of plot", where=str(path), expected=" or ".join(_SUFFIXES), found=suffix
        )
    shapes, width, height = drawing(result)
    write_bytes(
        path, svg(shapes, width, height) if suffix == ".svg" else png(shapes, width, height)
    )


def drawing(result: Result) -> tuple[list[Shape], int, int]:
    """The shapes, and width and height of the picture in pixels."""
    low, high = _range(result)
    scale = _WIDTH / math.log10(high / low)

    def x(ms: float) -> float:
        return _LEFT + scale * math.log10(max(ms, low) / low)

    model = result.model.get("model", "")
    shapes = [Shape(12, 22, text=f"{model}: milliseconds per call, median; line p25 to p95")]
    bottom = _TOP + _LINE * (len(result.rows) + len(result.engines))
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        shapes.append(Shape(x(10**power), _TOP - 6, 1, bottom - _TOP + 6, _GRID))
        shapes.append(Shape(x(10**power) + 3, bottom + 14, text=f"{10.0**power:g} ms"))
    y = float(_TOP)
    for i, label in enumerate(result.engines):
        shapes.append(Shape(12, y + 14, text=label))
        y += _LINE
        for row in result.rows:
            if row.engine != label:
                continue
            s = row.summary
            shapes.append(Shape(_LEFT - 8, y + 14, text=row.name, anchor="end"))
            colour = PALETTE[i % len(PALETTE)]
            shapes.append(Shape(_LEFT, y + 3, x(s.median_ms) - _LEFT, 14, colour))
            slow = s.p95_ms if s.p95_ms is not None else s.p75_ms
            shapes.append(Shape(x(s.p25_ms), y + 9, max(1.0, x(slow) - x(s.p25_ms)), 2))
            ends = max(x(s.median_ms), x(slow))
            shapes.append(Shape(ends + 6, y + 14, text=f"{s.median_ms:.3g}"))
            if row.reference_ms is not None:
                at, text = x(row.reference_ms), f"{row.reference_ms:.3g}"
                shapes.append(Shape(at - 1, y + 1, 3, 18, _REFERENCE))
                shapes.append(Shape(at + 6, y + 14, colour=_REFERENCE, text=text))
            y += _LINE
    if any(row.reference_ms is not None for row in result.rows):
        shapes.append(Shape(12, bottom + 30, 3, 14, _REFERENCE))
        shapes.append(Shape(20, bottom + 42, text="eager torch, float32"))
    return shapes, _LEFT + _WIDTH + _RIGHT, bottom + 54


def svg(shapes: Sequence[Shape], width: int, height: int) -> bytes:
    """The shapes as an SVG file."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for s in shapes:
        fill = "#{:02x}{:02x}{:02x}".format(*s.colour)
        if s.text:
            lines.append(
                f'<text x="{s.x:.1f}" y="{s.y:.1f}" fill="{fill}" text-anchor="{s.anchor}">'
                f"{escape(s.text)}</text>"
            )
        else:
            lines.append(
                f'<rect x="{s.x:.1f}" y="{s.y:.1f}" width="{s.width:.1f}" height="{s.height:.1f}" '
                f'fill="{fill}"/>'
            )
    return "\n".join([*lines, "</svg>\n"]).encode()


def png(shapes: Sequence[Shape], width: int, height: int) -> bytes:
    """The shapes as a PNG file."""
    image = np.full((height, width, 3), 255, np.uint8)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    for s in shapes:
        colour = s.colour[::-1]
        at = (round(s.x), round(s.y))
        if s.text:
            if s.anchor == "end":
                at = (at[0] - cv2.getTextSize(s.text, font, size, 1)[0][0], at[1])
            cv2.putText(image, s.text, at, font, size, colour, 1, cv2.LINE_AA)
        else:
            end = (round(s.x + s.width) - 1, round(s.y + s.height) - 1)
            cv2.rectangle(image, at, (max(end[0], at[0]), max(end[1], at[1])), colour, cv2.FILLED)
    good, data = cv2.imencode(".png", image)
    assert good
    return bytes(data)


def _range(result: Result) -> tuple[float, float]:
    """Powers of ten around everything drawn."""
    values = [
        value
        for row in result.rows
        for value in (row.summary.p25_ms, row.summary.p95_ms, row.summary.p75_ms, row.reference_ms)
        if value is not None and value > 0
    ]
    low = 10.0 ** math.floor(math.log10(min(values, default=1.0)))
    high = 10.0 ** math.ceil(math.log10(max(values, default=10.0)))
    return low, max(high, 10 * low)
