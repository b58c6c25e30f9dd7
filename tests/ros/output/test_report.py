"""The report page: self-contained, escaped, and true to what it was given."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from pear_ros.output.gltf import Body
from pear_ros.output.report import InputResult, Picture, Report, Table, data_uri, html, write_report
from pear_ros.problems import Problems

BALL = trimesh.creation.icosphere(subdivisions=1, radius=0.4)
_VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks nesting; collects attributes by tag and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


@pytest.fixture
def report() -> Report:
    problems = Problems()
    problems.add("truncated", "/cam<era>", 1_500_000_000, "JPEG ends early")
    problems.add("truncated", "/camera", 2_500_000_000, "again")
    problems.add("encoding", "/camera", 0, "unknown & strange")
    image = np.full((60, 80, 3), (200, 100, 50), np.uint8)
    result = InputResult(
        name="bag <1>",
        kind="bag",
        frames=50,
        people=1.5,
        seconds=2.0,
        stages={"decode": 0.002, "network": 0.03, "smooth": 0.0, "write": 0.008},
        pictures=(Picture(image, 'a "quoted" <caption>'),),
        tables=(Table("Errors", ("metric", "mm"), (("MPJPE", 81.2345), ("people", 12345))),),
        files=("out/a&b.mcap",),
        notes=("<b>careful</b>",),
    )
    return Report(
        "pear <test>",
        "all & well",
        {"model": "m@<1>"},
        (result,),
        problems,
        (Body("h", BALL.vertices, BALL.faces, (9, 99, 199)),),
    )


def test_page_is_well_formed_and_loads_nothing(report: Report) -> None:
    text = html(report)
    page = Page(text)
    for tag, attributes in page.found:
        assert tag not in ("link", "iframe", "object", "embed")
        for name in ("src", "href", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/jpeg;base64,")
    # Neither style nor script reach out.
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp", text)


def test_everything_given_is_shown_as_text(report: Report) -> None:
    text = " ".join(Page(html(report)).text)
    for expected in (
        "pear <test>",
        "all & well",
        "m@<1>",
        "bag <1>",
        "<b>careful</b>",
        "out/a&b.mcap",
        '"quoted" <caption>',
        "81.23",
        "12,345",
        "25.0",
        "40.0",
        "/cam<era> at 1.500 s: JPEG ends early",
        "unknown & strange",
    ):
        assert expected in text, expected


def test_stage_bar_adds_up(report: Report) -> None:
    text = html(report)
    shares = [
        (float(x), float(w)) for x, w in re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"', text)
    ]
    assert [w for _, w in shares] == [5.0, 75.0, 20.0]
    assert [x for x, _ in shares] == [0.0, 5.0, 80.0]
    assert "network 30.00 ms (75 %)" in text
    assert "smooth" not in text.split("<script")[0].split("legend>")[-1]


def test_pictures_are_inside_and_wide_ones_smaller() -> None:
    image = np.zeros((50, 3200, 3), np.uint8)
    image[:, :1600] = (210, 30, 60)
    head, data = data_uri(image).split(",")
    assert head == "data:image/jpeg;base64"
    read = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert read.shape == (25, 1600, 3)
    np.testing.assert_allclose(read[5:20, 50:700].mean((0, 1)), (60, 30, 210), atol=3)


def test_viewer_gets_the_mesh_within_its_precision(report: Report) -> None:
    text = html(report)
    (body,) = json.loads(re.search(r"id=viewer-data>(.*?)</script>", text).group(1))
    positions = np.frombuffer(base64.b64decode(body["positions"]), "<i2").reshape(-1, 3) / 32767
    np.testing.assert_allclose(0.4 * positions, BALL.vertices * (1, -1, -1), atol=2e-5)
    faces = np.frombuffer(base64.b64decode(body["faces"]), "<u4").reshape(-1, 3)
    np.testing.assert_array_equal(faces, BALL.faces)
    assert body["colour"] == [9, 99, 199]


def test_empty_parts_are_left_out(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", Report("t", "s", {}, (), None))
    text = (tmp_path / "r.html").read_text("utf-8")
    Page(text)
    assert "viewer" not in text.split("</style>")[1]
    assert "Warnings" not in text
    assert "None." in html(Report("t", "s", {}, (), Problems()))
    alone = InputResult("p", "picture", 0, 0.0, 0.0)
    assert "ms per frame" not in html(Report("t", "s", {}, (alone,)))
