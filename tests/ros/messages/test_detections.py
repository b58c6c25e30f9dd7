"""Detection2DArray to boxes: rosbags writes, we read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.messages import codec, foreign
from pear_ros.messages.detections import read_detections
from pear_ros.problems import PearError
from pear_ros.types import Box

TYPES = codec.typestore().types
Found = tuple[list[tuple[str, float]], tuple[float, float, float, float, float]]


def message(found: list[Found]) -> bytes:
    """found: hypotheses (class, score), box (x, y, theta, width, height)."""

    def make(name: str, *values: Any) -> Any:
        return TYPES[name](*values)

    time = make("builtin_interfaces/msg/Time", 3, 4)
    header = make("std_msgs/msg/Header", time, "eye")
    point = make("geometry_msgs/msg/Point", 1.0, 2.0, 3.0)
    turn = make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)
    pose = make("geometry_msgs/msg/Pose", point, turn)
    guess = make("geometry_msgs/msg/PoseWithCovariance", pose, np.arange(36.0))
    detections = []
    for hypotheses, (x, y, theta, width, height) in found:
        results = [
            make(
                "vision_msgs/msg/ObjectHypothesisWithPose",
                make("vision_msgs/msg/ObjectHypothesis", name, score),
                guess,
            )
            for name, score in hypotheses
        ]
        centre = make("vision_msgs/msg/Pose2D", make("vision_msgs/msg/Point2D", x, y), theta)
        box = make("vision_msgs/msg/BoundingBox2D", centre, width, height)
        detections.append(make("vision_msgs/msg/Detection2D", header, results, box, "id"))
    array = make(foreign.DETECTION_2D_ARRAY, header, detections)
    return codec.serialize(array, foreign.DETECTION_2D_ARRAY)


UPRIGHT = (100.0, 50.0, 0.0, 40.0, 20.0)
HERE = (80.0, 40.0, 120.0, 60.0)


def corners(box: Box) -> tuple[float, ...]:
    return box.x0, box.y0, box.x1, box.y1


def test_people_are_picked_by_class_and_score() -> None:
    raw = message(
        [
            ([("person", 0.9)], UPRIGHT),
            ([("dog", 0.95)], UPRIGHT),
            ([("0", 0.5)], (10.0, 20.0, 0.0, 2.0, 4.0)),
            ([("dog", 0.6), ("Person ", 0.3), ("person", 0.4)], UPRIGHT),
            ([], UPRIGHT),
            ([("person", 0.1)], UPRIGHT),
        ]
    )
    boxes = read_detections(raw, least_score=0.3)
    assert [box.score for box in boxes] == [0.9, 0.5, 0.4]
    assert corners(boxes[0]) == HERE
    assert corners(boxes[1]) == (9, 18, 11, 22)


def test_other_classes_can_be_asked_for() -> None:
    raw = message(
        [([("1", 0.9)], UPRIGHT), ([("man", 0.8), ("child", 0.7)], UPRIGHT), ([], UPRIGHT)]
    )
    assert read_detections(raw) == []
    assert [box.score for box in read_detections(raw, "child, 1")] == [0.9, 0.7]
    assert [box.score for box in read_detections(raw, "")] == [0.9, 0.8, 1.0]


def test_a_turned_box_becomes_the_upright_one_around_it() -> None:
    raw = message([([("person", 1.0)], (100.0, 50.0, angle, 40.0, 20.0)) for angle in
                   (math.pi / 2, math.pi, -math.pi / 4)])  # fmt: skip
    quarter, half, eighth = read_detections(raw)
    assert corners(quarter) == pytest.approx((90, 30, 110, 70))
    assert corners(half) == pytest.approx(HERE)
    # 40 x 20 turned by 45 degrees is 60 / sqrt(2) wide and high.
    reach = 30 / math.sqrt(2)
    assert corners(eighth) == pytest.approx((100 - reach, 50 - reach, 100 + reach, 50 + reach))


@pytest.mark.parametrize("bad", [0.0, -3.0, math.nan, math.inf])
def test_boxes_that_are_no_boxes_are_left_out(bad: float) -> None:
    raw = message([([("person", 1.0)], (100.0, 50.0, 0.0, bad, 20.0)), ([("0", 0.9)], UPRIGHT)])
    assert [box.score for box in read_detections(raw)] == [0.9]


def test_scores_that_are_no_numbers_do_not_count() -> None:
    raw = message(
        [([("person", math.nan)], UPRIGHT), ([("person", math.nan), ("0", 0.8)], UPRIGHT)]
    )
    assert [box.score for box in read_detections(raw)] == [0.8]


def test_nobody() -> None:
    assert read_detections(message([])) == []


def test_big_endian_is_read_too() -> None:
    little = message([([("person", 0.75)], UPRIGHT)])
    array = codec.deserialize(little, foreign.DETECTION_2D_ARRAY)
    kind = foreign.DETECTION_2D_ARRAY
    big = bytes(codec.typestore().serialize_cdr(array, kind, little_endian=False))
    assert read_detections(big) == read_detections(little) == [Box(*HERE, 0.75)]


WHOLE = message([([("person", 0.9), ("dog", 0.2)], UPRIGHT), ([], UPRIGHT)])


@pytest.mark.parametrize("end", range(0, len(WHOLE), 7))
def test_cut_off_messages_are_refused(end: int) -> None:
    with pytest.raises(PearError, match=r"CDR|cut off"):
        read_detections(WHOLE[:end])


@given(st.data())
def test_damaged_messages_give_boxes_or_one_error(data: st.DataObject) -> None:
    raw = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        boxes = read_detections(bytes(raw), "")
    except PearError:
        return
    for box in boxes:
        assert np.isfinite(corners(box)).all() and box.x0 <= box.x1 and box.y0 <= box.y1
