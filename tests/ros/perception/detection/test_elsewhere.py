"""Boxes that come with the frames, and what happens when they stop coming."""

from __future__ import annotations

import numpy as np

from pear_ros.perception.detection.elsewhere import Elsewhere
from pear_ros.types import Box, Frame

IMAGE = np.zeros((4, 4, 3), np.uint8)
SECOND = 1_000_000_000


def test_boxes_are_handed_on_best_first() -> None:
    weak, strong = Box(0, 0, 1, 1, 0.3), Box(2, 2, 3, 3, 0.9)
    assert Elsewhere().detect(Frame(IMAGE, 5, boxes=(weak, strong))) == [strong, weak]


def test_an_empty_answer_is_an_answer() -> None:
    assert Elsewhere().detect(Frame(IMAGE, 5, boxes=())) == []


def test_silence_is_no_answer_until_patience_ends() -> None:
    outside = Elsewhere(patience=2.0)
    assert outside.detect(Frame(IMAGE, 0)) == []
    outside.detect(Frame(IMAGE, SECOND, boxes=(Box(0, 0, 1, 1),)))
    assert outside.detect(Frame(IMAGE, 2 * SECOND)) is None
    assert outside.detect(Frame(IMAGE, 3 * SECOND)) is None
    assert outside.detect(Frame(IMAGE, 3 * SECOND + 1)) == []


def test_a_clock_that_jumps_back_ends_the_patience() -> None:
    outside = Elsewhere()
    outside.detect(Frame(IMAGE, 10 * SECOND, boxes=(Box(0, 0, 1, 1),)))
    assert outside.detect(Frame(IMAGE, SECOND)) == []
