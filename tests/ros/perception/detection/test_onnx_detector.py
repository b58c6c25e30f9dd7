"""A user's ONNX file end to end: small graphs that find the white rectangle in a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pear_ros.perception.detection.detect import Detector
from pear_ros.perception.detection.onnx_detector import OnnxDetector, OnnxDetectorOptions
from pear_ros.problems import PearError
from pear_ros.types import Box, Frame

SIZE = 64
CELLS = 64 + 16 + 4


def save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict) -> Path:
    initializers = [numpy_helper.from_array(v, k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "detector", inputs, outputs, initializers)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def value(name: str, shape: list, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def yolov8(path: Path, size: list | None = None) -> Path:
    """One fixed box (x 16..48, y 24..40 of the 64 square); its score is the brightest value of the
    picture.
    """
    table = np.zeros((1, 84, CELLS), np.float32)
    table[0, :4, 3] = (32, 32, 32, 16)
    mask = np.zeros_like(table)
    mask[0, 4, 3] = 1.0
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["top"], keepdims=0),
        helper.make_node("Mul", ["mask", "top"], ["score"]),
        helper.make_node("Add", ["table", "score"], ["output0"]),
    ]
    inputs = [value("images", size or [1, 3, SIZE, SIZE])]
    constants = {"table": table, "mask": mask}
    return save(path, nodes, inputs, [value("output0", [1, 84, CELLS])], constants)


def test_boxes_come_back_through_the_letter_box(tmp_path: Path) -> None:
    detector = OnnxDetector(yolov8(tmp_path / "yolo.onnx"))
    assert isinstance(detector, Detector) and detector.layout.kind == "yolov8"
    image = np.full((100, 200, 3), 255, np.uint8)
    # 200 x 100 fits 64 by 0.32: 16 empty rows above; a quarter of the width is 50 pixels.
    (box,) = detector.detect(Frame(image))
    assert box.score == pytest.approx(1.0)
    found = (box.x0, box.y0, box.x1, box.y1)
    assert found == pytest.approx((49.5, 24.5, 149.5, 74.5), abs=1e-3)


def test_grey_levels_reach_the_network_between_0_and_1(tmp_path: Path) -> None:
    detector = OnnxDetector(yolov8(tmp_path / "yolo.onnx"), OnnxDetectorOptions(least=0.5))
    frame = Frame(np.full((64, 64, 3), 153, np.uint8))
    assert detector.detect(frame)[0].score == pytest.approx(0.6)
    assert detector.detect(Frame(np.full((64, 64, 3), 100, np.uint8))) == []


def test_a_finished_detr_is_told_the_size_and_stretched(tmp_path: Path) -> None:
    """Its box is the right half of whatever size it is told."""
    nodes = [
        helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["size", "size"], ["twice"], axis=1),
        helper.make_node("Mul", ["twice", "share"], ["row"]),
        helper.make_node("Unsqueeze", ["row", "axis"], ["boxes"]),
        helper.make_node("ReduceMax", ["images"], ["top"], keepdims=0),
        helper.make_node("Mul", ["one", "top"], ["scores"]),
        helper.make_node("Identity", ["zero"], ["labels"]),
    ]
    constants = {
        "share": np.array([[0.5, 0.0, 1.0, 1.0]], np.float32), "axis": np.array([1], np.int64),
        "one": np.ones((1, 1), np.float32), "zero": np.zeros((1, 1), np.int64),
    }  # fmt: skip
    inputs = [
        value("images", [1, 3, 32, 64]),
        value("orig_target_sizes", [1, 2], TensorProto.INT64),
    ]
    outputs = [
        value("labels", [1, 1], TensorProto.INT64),
        value("boxes", [1, 1, 4]),
        value("scores", [1, 1]),
    ]
    detector = OnnxDetector(save(tmp_path / "detr.onnx", nodes, inputs, outputs, constants))
    (box,) = detector.detect(Frame(np.full((100, 100, 3), 255, np.uint8)))
    assert (box.x0, box.y0, box.x1, box.y1) == pytest.approx((49.5, -0.5, 99.5, 99.5))


def test_files_that_are_no_detector_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not an onnx file")
    with pytest.raises(PearError, match=r"broken\.onnx"):
        OnnxDetector(broken)
    with pytest.raises(PearError, match="cannot read the network"):
        OnnxDetector(tmp_path / "none.onnx")
    nodes = [helper.make_node("GlobalAveragePool", ["images"], ["scores"])]
    picture, answer = [value("images", [1, 3, SIZE, SIZE])], [value("scores", [1, 3, 1, 1])]
    classifier = save(tmp_path / "classifier.onnx", nodes, picture, answer, {})
    with pytest.raises(
        PearError, match=r"not a detector this can read; .* found scores \(1, 3, 1, 1\)"
    ):
        OnnxDetector(classifier)
    nodes = [helper.make_node("Relu", ["words"], ["out"])]
    other = save(
        tmp_path / "text.onnx", nodes, [value("words", [1, 9])], [value("out", [1, 9])], {}
    )
    with pytest.raises(PearError, match=r"not a detector this can feed; .* words float32 \(1, 9\)"):
        OnnxDetector(other)


def test_a_missing_class_is_refused(tmp_path: Path) -> None:
    path = yolov8(tmp_path / "yolo.onnx")
    assert (
        OnnxDetector(path, OnnxDetectorOptions(person=79)).detect(
            Frame(np.zeros((9, 9, 3), np.uint8))
        )
        == []
    )
    with pytest.raises(PearError, match="too few classes"):
        OnnxDetector(path, OnnxDetectorOptions(person=80))


def test_a_box_of_the_border_is_clipped(tmp_path: Path) -> None:
    detector = OnnxDetector(yolov8(tmp_path / "yolo.onnx"))
    # 64 x 20 pixels: rows 22..42 of the canvas, the box spans 24..40 of them.
    (box,) = detector.detect(Frame(np.full((20, 64, 3), 255, np.uint8)))
    assert box == Box(15.5, 1.5, 47.5, 17.5, 1.0)
    (box,) = detector.detect(Frame(np.full((64, 20, 3), 255, np.uint8)))
    assert (box.x0, box.x1) == (-0.5, 19.5)
