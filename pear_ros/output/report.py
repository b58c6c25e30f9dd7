"""One self-contained HTML page that shows what ran and how well: pictures, speed, errors, warnings,
a mesh to turn.

Everything is inside the file (pictures as JPEG, mesh as base64); it loads nothing and works
offline.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.output.atomic import write_bytes
from pear_ros.output.gltf import Body
from pear_ros.output.mesh import y_up
from pear_ros.output.report_page import SCRIPT, STYLE
from pear_ros.problems import PearError, Problems

_MAX_WIDTH, _QUALITY = 1600, 88
_COLOURS: dict[str, str] = {
    "decode": "#56b4e9",
    "detect": "#e69f00",
    "network": "#009e73",
    "body": "#cc79a7",
    "mesh": "#0072b2",
    "messages": "#d55e00",
    "write": "#b8a800",
    "overlay": "#7a5195",
}
_OTHER = ("#8a93a0", "#a9b0ba", "#6d7683", "#c2c7ce")
"""Stages have the same colour everywhere; those that take little time share greys."""


@dataclass(frozen=True)
class Picture:
    """An RGB picture (H, W, 3) with a caption."""

    image: NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A small table; cells are shown as given, numbers right-aligned."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int, ...], ...]


@dataclass(frozen=True)
class InputResult:
    """What came of one input (a picture, a video, a bag).

    people: mean per frame. seconds: wall time for all frames. stages: mean seconds per frame, in
    order.
    """

    name: str
    kind: str
    frames: int
    people: float
    seconds: float
    stages: Mapping[str, float] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The whole page. ran: facts about the run (model, engine, precision, versions, machine), in
    order.
    """

    title: str
    summary: str
    ran: Mapping[str, str]
    inputs: tuple[InputResult, ...]
    problems: Problems | None = None
    meshes: tuple[Body, ...] = ()


def write_report(path: str | Path, report: Report) -> None:
    """Write the page (atomic). Raises PearError."""
    write_bytes(path, html(report).encode("utf-8"))


def html(report: Report) -> str:
    """The page as text."""
    sections = [
        f"<header><h1>{escape(report.title)}</h1>"
        f"<p class=lead>{escape(report.summary)}</p></header>",
        *(_input(result) for result in report.inputs),
        _viewer(report.meshes),
        _problems(report.problems),
        _ran(report.ran),
    ]
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(s for s in sections if s)
        + f"\n</main>{f'<script>{SCRIPT}</script>' if report.meshes else ''}</body></html>\n"
    )


def data_uri(image: NDArray[np.uint8]) -> str:
    """A picture as an inline JPEG, made smaller where it is very wide."""
    if image.shape[1] > _MAX_WIDTH:
        height = max(1, round(image.shape[0] * _MAX_WIDTH / image.shape[1]))
        image = cv2.resize(image, (_MAX_WIDTH, height), interpolation=cv2.INTER_AREA).astype(
            np.uint8
        )
    done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not done:
        raise PearError("OpenCV cannot encode a picture as JPEG", found=str(image.shape))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _input(result: InputResult) -> str:
    rate = result.frames / result.seconds if result.seconds > 0 else 0.0
    facts = [
        (f"{result.frames}", "frame" if result.frames == 1 else "frames"),
        (f"{result.people:.3g}", "people per frame"),
    ]
    if rate:
        if result.frames > 1:
            facts.append((f"{rate:.1f}", "frames per second"))
        facts.append((f"{1000 / rate:.1f}", "ms per frame"))
    parts = [
        f"<h2>{escape(result.name)} <span class=kind>{escape(result.kind)}</span></h2>",
        "<div class=facts>"
        + "".join(f"<div><b>{v}</b><span>{k}</span></div>" for v, k in facts)
        + "</div>",
        _stages(result.stages),
        *(_picture(picture) for picture in result.pictures),
        *(_table(table) for table in result.tables),
    ]
    if result.notes:
        parts.append(
            "<ul class=notes>" + "".join(f"<li>{escape(n)}</li>" for n in result.notes) + "</ul>"
        )
    if result.files:
        names = " ".join(f"<code>{escape(f)}</code>" for f in result.files)
        parts.append(f"<p class=files>Files: {names}</p>")
    return "<section>" + "".join(parts) + "</section>"


def _picture(picture: Picture) -> str:
    height, width = picture.image.shape[:2]
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return (
        f'<figure><img src="{data_uri(picture.image)}" width={width} height={height} '
        f'alt="{escape(picture.caption, quote=True)}">{caption}</figure>'
    )


def _stages(stages: Mapping[str, float]) -> str:
    """Stacked bar of the time per frame with a legend."""
    shown = {name: seconds for name, seconds in stages.items() if seconds > 0}
    total = sum(shown.values())
    if not total:
        return ""
    bars, legend, x = [], [], 0.0
    for i, (name, seconds) in enumerate(shown.items()):
        share, colour = 100 * seconds / total, _COLOURS.get(name, _OTHER[i % len(_OTHER)])
        text = f"{name} {1000 * seconds:.2f} ms ({share:.0f} %)"
        bars.append(
            f'<rect x="{x:.3f}%" width="{share:.3f}%" height="22" fill="{colour}">'
            f"<title>{escape(text)}</title></rect>"
        )
        legend.append(
            f'<li><i style="background:{colour}"></i>{escape(name)} '
            f"<b>{1000 * seconds:.2f} ms</b> {share:.0f} %</li>"
        )
        x += share
    return (
        '<svg class=bar height="22" role=img aria-label="time per stage">'
        + "".join(bars)
        + "</svg>"
        f"<ul class=legend>{''.join(legend)}<li>total <b>{1000 * total:.2f} ms</b></li></ul>"
    )


def _table(table: Table) -> str:
    def cell(value: str | float | int) -> str:
        if isinstance(value, str):
            return f"<td>{escape(value)}</td>"
        return (
            f"<td class=n>{value:,}</td>"
            if isinstance(value, int)
            else f"<td class=n>{value:.4g}</td>"
        )

    numeric = [
        bool(table.rows) and not isinstance(v, str) for v in (table.rows[0] if table.rows else ())
    ]
    numeric += [False] * (len(table.columns) - len(numeric))
    head = "".join(
        f"<th{' class=n' if n else ''}>{escape(c)}</th>"
        for c, n in zip(table.columns, numeric, strict=True)
    )
    body = "".join("<tr>" + "".join(cell(v) for v in row) + "</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f"<div class=wide><table>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _problems(problems: Problems | None) -> str:
    if problems is None:
        return ""
    if not len(problems):
        return "<section><h2>Warnings</h2><p class=good>None.</p></section>"
    rows: list[tuple[str | float | int, ...]] = []
    for kind, count in problems.counts.most_common():
        examples = [str(p) for p in problems.examples.get(kind, [])]
        rows.append((kind, count, examples[0] if examples else ""))
        rows.extend(("", "", text) for text in examples[1:])
    return (
        "<section><h2>Warnings</h2>"
        + _table(Table("", ("kind", "count", "examples"), tuple(rows)))
        + "</section>"
    )


def _ran(ran: Mapping[str, str]) -> str:
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in ran.items())
    return f"<section><h2>What ran</h2><dl>{items}</dl></section>" if items else ""


def _viewer(meshes: Sequence[Body]) -> str:
    if not meshes:
        return ""
    points = np.concatenate([y_up(body.vertices) for body in meshes]).astype(np.float64)
    centre = (points.min(0) + points.max(0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max()) or 1.0
    data = [_packed(body, centre, radius) for body in meshes]
    text = json.dumps(data).replace("<", "\\u003c")
    return (
        "<section id=viewer-section>"
        "<h2>Mesh <span class=kind>drag to turn, wheel to zoom</span></h2>"
        "<canvas id=viewer width=960 height=600 tabindex=0 aria-label='mesh in 3D'></canvas>"
        f"<script type='application/json' id=viewer-data>{text}</script></section>"
    )


def _packed(body: Body, centre: NDArray[np.float64], radius: float) -> dict[str, object]:
    """Positions as 16-bit fractions of the scene's radius, triangles as 32-bit indices."""
    local = (y_up(body.vertices) - centre) / radius
    positions = np.rint(32767 * np.clip(local, -1, 1)).astype("<i2")
    faces = np.asarray(body.faces).astype("<u4")
    colour = (
        np.broadcast_to(np.asarray(body.colour), (len(local), 3))[0] if len(local) else (0, 0, 0)
    )
    return {
        "positions": base64.b64encode(positions.tobytes()).decode("ascii"),
        "faces": base64.b64encode(faces.tobytes()).decode("ascii"),
        "colour": [int(c) for c in colour],
    }
