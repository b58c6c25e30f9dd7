"""Boxes from outside: the file format, its errors, and which picture gets which boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.perception.detection.given import GivenBoxes, box_of
from pear_ros.problems import PearError
from pear_ros.types import Box, Frame

IMAGE = np.zeros((480, 640, 3), np.uint8)


def written(folder: Path, content: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(content))
    return path


def test_pictures_are_known_by_path_name_stamp_or_all_others(tmp_path: Path) -> None:
    content = {
        "a/one.png": [[1, 2, 30, 40]],
        "two.png": [[2, 2, 30, 40, 0.25], [3, 2, 30, 40, 0.5]],
        "1700000000123456789": [],
        "*": [[4, 2, 30, 40]],
    }
    detector = GivenBoxes.from_file(written(tmp_path, content))
    assert detector.detect(Frame(IMAGE, source="a/one.png")) == [Box(1, 2, 30, 40, 1.0)]
    best_first = [Box(3, 2, 30, 40, 0.5), Box(2, 2, 30, 40, 0.25)]
    assert detector.detect(Frame(IMAGE, source="/x/two.png")) == best_first
    assert detector.detect(Frame(IMAGE, stamp=1700000000123456789, source="/camera")) == []
    assert detector.detect(Frame(IMAGE, source="b/one.png")) == [Box(4, 2, 30, 40)]


def test_a_bare_list_holds_for_every_picture(tmp_path: Path) -> None:
    detector = GivenBoxes.from_file(written(tmp_path, [[1.5, 2, 30, 40]]))
    assert detector.detect(Frame(IMAGE, stamp=9)) == [Box(1.5, 2, 30, 40)]
    assert GivenBoxes({}).detect(Frame(IMAGE)) == []


def test_a_box_outside_the_picture_is_an_error_that_names_it(tmp_path: Path) -> None:
    detector = GivenBoxes.from_file(written(tmp_path, {"one.png": [[700, 10, 800, 90]]}))
    expected = r"boxes\.json: one\.png: box lies outside .* overlap with 640x480; found \(700, 10"
    with pytest.raises(PearError, match=expected):
        detector.detect(Frame(IMAGE, source="one.png"))
    partly = GivenBoxes.everywhere([Box(600, 10, 800, 90)])
    assert partly.detect(Frame(IMAGE)) == [Box(600, 10, 800, 90)]


@pytest.mark.parametrize(
    "box",
    [
        [1, 2, 3], [1, 2, 3, 4, 1, 1], "1 2 3 4", None, {"x0": 1}, [1, 2, "3", 4], [True, 2, 3, 4],
        [3, 2, 1, 4], [1, 4, 3, 2], [1, 2, 1, 4], [1, 2, 3, float("nan")], [1, 2, 3, float("inf")],
        [1, 2, 3, 4, 0], [1, 2, 3, 4, 1.5], [1, 2, 3, 10**400],
    ],
)  # fmt: skip
def test_what_is_no_box_is_refused(box: object) -> None:
    with pytest.raises(PearError, match=r"here: not a box; expected .* found"):
        box_of(box, "here")


@pytest.mark.parametrize("text", ["", "{", "3", '"a"', '{"a": 3}', '{"a": [3]}', "[[[[", "\x00"])
def test_what_is_no_file_of_boxes_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(PearError, match=r"boxes\.json"):
        GivenBoxes.from_file(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PearError, match="cannot read boxes"):
        GivenBoxes.from_file(tmp_path / "none.json")


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_are_boxes_or_a_pear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_bytes(data)
    try:
        GivenBoxes.from_file(path).detect(Frame(IMAGE))
    except PearError as error:
        assert "fuzzed.json" in str(error)
