"""Box geometry against counting pixels and hand-computed cases."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.perception import boxes
from pear_ros.types import Box

corner = st.integers(0, 12)
whole_box = st.tuples(corner, corner, st.integers(1, 12), st.integers(1, 12)).map(
    lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3])
)


def cells(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
    """Unit squares inside a box with whole corners."""
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


@settings(deadline=None)
@given(st.lists(whole_box, min_size=1, max_size=4), st.lists(whole_box, min_size=1, max_size=4))
def test_overlap_equals_counted_cells(a: list, b: list) -> None:
    found = boxes.iou(np.array(a, float), np.array(b, float))
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            expected = len(cells(p) & cells(q)) / len(cells(p) | cells(q))
            assert abs(found[i, j] - expected) < 1e-12
            assert abs(boxes.overlap(Box(*p), Box(*q)) - expected) < 1e-12


def test_empty_and_inverted_boxes_have_no_area() -> None:
    rows = np.array([[1.0, 1.0, 1.0, 5.0], [4.0, 4.0, 2.0, 2.0]])
    assert boxes.area(rows).tolist() == [0.0, 0.0]
    assert boxes.iou(rows, rows).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert boxes.overlap(Box(*rows[0]), Box(*rows[1])) == 0.0


def test_clip_ends_half_a_pixel_beyond_the_outer_centres() -> None:
    assert boxes.clip(Box(-5, 3, 700, 900, 0.5), 640, 480) == Box(-0.5, 3, 639.5, 479.5, 0.5)
    outside = boxes.clip(Box(700, 10, 800, 20), 640, 480)
    assert outside.x1 <= outside.x0


def test_suppression_keeps_the_best_of_a_heap_and_everybody_apart() -> None:
    rows = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [0, 0, 10, 10]], float)
    # 0 and 1 overlap by 90 / 110; 3 equals 0 but comes later.
    assert boxes.suppress(rows, np.array([0.8, 0.9, 0.1, 0.8]), 0.5).tolist() == [1, 2]
    assert boxes.suppress(rows, np.array([0.8, 0.9, 0.1, 0.8]), 0.9).tolist() == [1, 0, 2]
    assert boxes.suppress(rows[:0], np.zeros(0), 0.5).tolist() == []
