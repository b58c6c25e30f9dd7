"""Outputs of detectors, hand-made: each kind is recognised and gives the box that was put in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.perception.detection import onnx_layouts
from pear_ros.perception.detection.onnx_layouts import Layout

SIZE = 96
CELLS = 144 + 36 + 9
TRUTH = np.array([10.0, 20.0, 30.0, 52.0])
CENTRED = np.array([20.0, 36.0, 20.0, 32.0])
"""The same box as centre and size."""


def yolov8(classes: int = 80) -> dict[str, np.ndarray]:
    out = np.zeros((1, 4 + classes, CELLS), np.float32)
    out[0, :4, 7], out[0, 4, 7] = CENTRED, 0.9
    return {"output0": out}


def yolov5() -> dict[str, np.ndarray]:
    out = np.zeros((1, 3 * CELLS, 85), np.float32)
    out[0, 7, :4], out[0, 7, 4:6] = CENTRED, (0.95, 0.9 / 0.95)
    return {"output0": out}


def yolox() -> dict[str, np.ndarray]:
    """Raw: cell (column 2, row 4) of stride 8; centre 20 = (2 + 0.5) * 8, width 20 = 8 exp(log
    2.5).
    """
    out = np.zeros((1, CELLS, 85), np.float32)
    out[0, 4 * 12 + 2, :4] = (0.5, 0.5, np.log(2.5), np.log(4.0))
    out[0, 4 * 12 + 2, 4:6] = (0.95, 0.9 / 0.95)
    return {"output": out}


def yolox_decoded() -> dict[str, np.ndarray]:
    out = np.full((1, CELLS, 85), 30.0, np.float32)
    out[0, :, 4:] = 0.0
    out[0, 7, :4], out[0, 7, 4:6] = CENTRED, (0.95, 0.9 / 0.95)
    return {"output": out}


def detr() -> dict[str, np.ndarray]:
    logits, rows = np.full((1, 300, 80), -50.0, np.float32), np.full((1, 300, 4), 0.5, np.float32)
    logits[0, 7, 0], rows[0, 7] = np.log(9.0), CENTRED / SIZE
    return {"logits": logits, "pred_boxes": rows}


def detr_joined() -> dict[str, np.ndarray]:
    out = np.zeros((1, 300, 84), np.float32)
    out[0, 7, :4], out[0, 7, 4] = CENTRED / SIZE, 0.9
    return {"output0": out}


def detr_finished() -> dict[str, np.ndarray]:
    labels, rows, scores = np.full((1, 300), 5), np.zeros((1, 300, 4)), np.full((1, 300), 0.8)
    labels[0, 7], rows[0, 7], scores[0, 7] = 0, TRUTH, 0.9
    return {"labels": labels, "boxes": rows, "scores": scores}


def end_to_end() -> dict[str, np.ndarray]:
    out = np.zeros((1, 300, 6), np.float32)
    out[0, :, 5] = 5.0
    out[0, 7] = (*TRUTH, 0.9, 0.0)
    return {"output0": out}


@pytest.mark.parametrize(
    ("outputs", "layout"),
    [
        (yolov8(), onnx_layouts.YOLOV8),
        (yolov8(1), onnx_layouts.YOLOV8),
        (yolov5(), onnx_layouts.YOLOV5),
        (yolox(), onnx_layouts.YOLOX),
        (yolox_decoded(), onnx_layouts.YOLOX),
        (detr(), onnx_layouts.DETR),
        (dict(reversed(detr().items())), onnx_layouts.DETR),
        (detr_joined(), onnx_layouts.DETR_JOINED),
        (detr_finished(), onnx_layouts.DETR_FINISHED),
        (end_to_end(), onnx_layouts.END_TO_END),
    ],
)
def test_each_kind_gives_the_box_that_was_put_in(outputs: dict, layout: Layout) -> None:
    assert onnx_layouts.recognise(outputs, SIZE, SIZE) is layout
    rows, scores = onnx_layouts.decode(layout, outputs, SIZE, SIZE, 0)
    best = int(scores.argmax())
    assert scores[best] == pytest.approx(0.9, abs=1e-6)
    np.testing.assert_allclose(rows[best], TRUTH, atol=1e-4)
    assert np.delete(scores, best).max() < 0.01


@pytest.mark.parametrize("outputs", [yolov8(), detr(), end_to_end(), detr_finished()])
def test_other_classes_are_nobody(outputs: dict) -> None:
    layout = onnx_layouts.recognise(outputs, SIZE, SIZE)
    assert layout is not None
    assert onnx_layouts.decode(layout, outputs, SIZE, SIZE, 17)[1].max() < 0.01


def test_detrs_with_other_conventions_are_not_taken_for_rt_detr() -> None:
    for classes in (91, 92):
        outputs = {"dets": np.zeros((1, 300, 4)), "labels": np.zeros((1, 300, classes))}
        assert onnx_layouts.recognise(outputs, SIZE, SIZE) is None


def test_a_class_beyond_the_last_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        onnx_layouts.decode(onnx_layouts.YOLOV8, yolov8(1), SIZE, SIZE, 1)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["labels", "boxes", "scores", "output"]),
        st.lists(st.sampled_from([0, 1, 2, 4, 5, 6, 21, 63]), max_size=4),
        max_size=4,
    )
)
def test_any_shapes_are_recognised_or_not_and_never_crash(shapes: dict) -> None:
    """A 32 pixel square has 21 cells."""
    outputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    layout = onnx_layouts.recognise(outputs, 32, 32)
    if layout is not None:
        rows, scores = onnx_layouts.decode(layout, outputs, 32, 32, 0)
        assert rows.shape == (len(scores), 4)
