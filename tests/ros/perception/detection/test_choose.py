"""Detectors by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pear_ros.perception.detection.blazepose import THOROUGH, BlazePose
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.detection.given import GivenBoxes
from pear_ros.perception.detection.whole_image import WholeImage
from pear_ros.problems import PearError


def test_words_and_files(tmp_path: Path) -> None:
    assert isinstance(open_detector("whole"), WholeImage)
    assert isinstance(open_detector("auto", threads=1), BlazePose)
    thorough = open_detector("thorough", threads=1)
    assert isinstance(thorough, BlazePose) and thorough.options is THOROUGH
    path = tmp_path / "people.json"
    path.write_text("[]")
    assert isinstance(open_detector(str(path)), GivenBoxes)


@pytest.mark.parametrize("choice", ["", "yolo", "people.txt", "Builtin"])
def test_other_words_are_refused(choice: str) -> None:
    with pytest.raises(PearError, match=r"unknown detector; expected auto, .*FILE\.onnx"):
        open_detector(choice)


def test_a_missing_onnx_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PearError, match=r"none\.onnx: cannot read"):
        open_detector(str(tmp_path / "none.onnx"))
