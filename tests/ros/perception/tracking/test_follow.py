"""Boxes around bodies, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.perception.tracking import follow
from pear_ros.perception.tracking.follow import Surround
from pear_ros.types import Box


def test_body_box_is_a_little_larger_than_the_key_points() -> None:
    points = np.zeros((2, 145, 2), np.float32)
    points[1, 7], points[1, 9] = (100, 40), (50, 240)
    nothing, box = follow.body_boxes(points, [0.5, 0.3])
    assert nothing == Box(0, 0, 0, 0, 0.5) and follow.body_boxes(points[:0], []) == []
    assert (box.x0, box.x1) == (pytest.approx(-2), pytest.approx(102))
    assert (box.y0, box.y1, box.score) == (pytest.approx(-4.8), pytest.approx(244.8), 0.3)


def test_surround_by_hand() -> None:
    body, box = Box(100, 100, 200, 300), Box(90, 80, 190, 320)
    around = Surround.between(box, body)
    # 10 of 100 to the left, as wide; centred in height, 240 over 200.
    assert (around.dx, around.dy, around.width, around.height) == (-0.1, 0.0, 1.0, 1.2)
    assert around.around(Box(0, 0, 50, 100, 0.5)) == Box(-5, -10, 45, 110, 0.5)
    assert around.mixed(Surround(0.1, 0.2, 2.0, 0.8)) == Surround(0.0, 0.1, 1.5, 1.0)


def test_surround_of_boxes_that_have_nothing_in_common_is_limited() -> None:
    wild = Surround.between(Box(0, 0, 500, 10), Box(300, 300, 310, 400))
    assert wild == Surround(-0.5, -0.5, 2.0, 0.5)
    assert Surround.between(Box(0, 0, 10, 10), Box(5, 5, 5, 5)).width == 2.0


side, place = st.floats(20, 300), st.floats(-100, 700)


@settings(deadline=None)
@given(place, place, side, side, st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(0.6, 1.8))
def test_surround_gives_its_box_back(
    x: float, y: float, w: float, h: float, dx: float, dy: float, grown: float
) -> None:
    body = Box(x, y, x + w, y + h)
    box = Surround(dx, dy, grown, 1.0 / grown).around(body)
    again = Surround.between(box, body).around(body)
    found, expected = (again.x0, again.y0, again.x1, again.y1), (box.x0, box.y0, box.x1, box.y1)
    assert found == pytest.approx(expected, abs=1e-6)


def test_motion_is_believed_by_four_fifths_and_limited() -> None:
    box = Box(0, 0, 40, 100)
    assert follow.velocity_between(box, Box(10, 0, 70, 80), 0.5) == (40.0, -20.0)
    ahead = follow.moved(box, (50.0, -10.0), 0.5)
    assert (ahead.x0, ahead.y0, ahead.x1, ahead.y1) == pytest.approx((20.0, -4.0, 60.0, 96.0))
    assert follow.moved(box, (1e6, 0.0), 1.0).x0 == 50.0
