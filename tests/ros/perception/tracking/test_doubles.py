"""One person seen twice, by hand."""

from __future__ import annotations

import numpy as np

from pear_ros.perception.boxes import as_rows
from pear_ros.perception.tracking.doubles import distinct, nearest
from pear_ros.types import Box


def test_an_answer_given_twice_stays_with_the_nearer_box() -> None:
    left, right, far = Box(0, 0, 100, 200), Box(40, 0, 140, 200), Box(300, 0, 400, 200)
    # Both were answered with somebody who stands where the right one was expected.
    answers = [Box(36, 0, 136, 200), Box(38, 0, 138, 200), far]
    asked = as_rows([left, right, far])
    assert nearest(answers, asked, 0.7) == [None, answers[1], far]
    assert nearest(answers[::-1], asked[::-1], 0.7) == [far, answers[1], None]
    assert nearest([answers[0], None, far], asked, 0.7) == [answers[0], None, far]
    assert nearest([], as_rows([]), 0.7) == []


def test_equal_answers_for_equal_boxes_leave_the_first() -> None:
    box = Box(0, 0, 10, 20)
    assert nearest([box, box, box], as_rows([box] * 3), 0.7) == [box, None, None]


def test_bodies_at_one_place_are_one_person() -> None:
    points = np.zeros((4, 22, 2))
    points[1] += (3.0, 4.0)
    points[2] += (30.0, 40.0)
    points[3] += (33.0, 44.0)
    side = np.full(4, 100.0)
    # Distances by hand: 5 between the first two and the last two, 50 between the pairs.
    assert distinct(points, side, [0, 1, 2, 3], 0.051) == {0: [0, 1], 2: [2, 3]}
    assert distinct(points, side, [3, 1, 0, 2], 0.051) == {1: [1, 0], 3: [3, 2]}
    assert distinct(points, side, [0, 1, 2, 3], 0.049) == {k: [k] for k in range(4)}
    assert distinct(points, side, [2, 1], 0.051) == {1: [1], 2: [2]}
    assert distinct(points, side, [], 0.051) == {}
