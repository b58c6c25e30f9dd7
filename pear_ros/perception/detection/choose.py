"""A detector by the name a user gives it."""

from __future__ import annotations

from pathlib import Path

from pear_ros.perception.detection.detect import Detector
from pear_ros.problems import PearError


def open_detector(choice: str, threads: int | None = None) -> Detector:
    """The detector behind a word or a file.

    auto and builtin: BlazePose; thorough: BlazePose for pictures that may take their time; whole:
    the whole picture; FILE.onnx: an own network; FILE.json: given boxes. Raises PearError for
    anything else and for files that are missing or unfit.
    """
    if choice in ("auto", "builtin"):
        from pear_ros.perception.detection.blazepose import BlazePose

        return BlazePose(threads=threads)
    if choice == "thorough":
        from pear_ros.perception.detection.blazepose import THOROUGH, BlazePose

        return BlazePose(options=THOROUGH, threads=threads, precision="f32")
    if choice == "whole":
        from pear_ros.perception.detection.whole_image import WholeImage

        return WholeImage()
    if Path(choice).suffix == ".onnx":
        from pear_ros.perception.detection.onnx_detector import OnnxDetector

        return OnnxDetector(choice, threads=threads)
    if Path(choice).suffix == ".json":
        from pear_ros.perception.detection.given import GivenBoxes

        return GivenBoxes.from_file(choice)
    expected = "auto, builtin, thorough, whole, FILE.onnx or FILE.json"
    raise PearError("unknown detector", expected=expected, found=choice)
