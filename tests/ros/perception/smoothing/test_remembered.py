"""Rows of memory: what is put in comes out, views write through, tracks are picked and joined."""

from __future__ import annotations

import numpy as np

from pear_core import layout
from pear_ros.perception.smoothing.adaptive import Motion
from pear_ros.perception.smoothing.remembered import FACE, MOVING, SHAPE, TURNS, remembered, width
from pear_ros.perception.smoothing.running import Running


def parts(count: int, seed: int) -> tuple[Motion, Motion, Motion, Running]:
    rng = np.random.default_rng(seed)

    def motion(*shape: int, turns: int = 0) -> Motion:
        value, measured = rng.normal(size=(2, count, *shape))
        velocity = rng.normal(size=(count, *shape[:-1], turns or shape[-1]))
        return Motion(value, velocity, measured)

    shape = Running(rng.normal(size=(count, 506)), rng.random(count), rng.random(count))
    return motion(55, 4, turns=3), motion(1, 3), motion(102, 1), shape


def test_widths_are_those_of_the_layout() -> None:
    assert width(FACE) == 50 + 50 + 2 and width(SHAPE) == 200 + 300 + 3 + 3 and TURNS == 55
    # Every field is remembered once: rotations, jaw and eyes are turns; FLAME's global is not used.
    turns = {"pose_6d", "jaw_pose", "eye_pose", "flame_global", "camera"}
    assert {*FACE, *SHAPE} | turns == set(layout.FIELDS)


def test_what_is_put_in_comes_out() -> None:
    pose, place, face, shape = parts(3, 0)
    memory = remembered((4, 7, 1), 99, pose, place, face, shape)
    assert memory.stamps.tolist() == [99, 99, 99]
    for found, given in ((memory.pose, pose), (memory.place, place), (memory.face, face)):
        for name in ("value", "velocity", "measured"):
            np.testing.assert_array_equal(getattr(found, name), getattr(given, name))
    for name in ("mean", "weight", "spread"):
        np.testing.assert_array_equal(getattr(memory.shape, name), getattr(shape, name))


def test_the_moving_columns_are_all_but_the_shape() -> None:
    memory = remembered((0,), 0, *parts(1, 1))
    memory.rows[:, MOVING] = 0.0
    assert not memory.pose.measured.any() and not memory.face.measured.any()
    assert memory.shape.mean.all() and memory.rows.shape[1] - MOVING.stop == 506 + 2


def test_views_write_through_and_picked_rows_are_their_own() -> None:
    memory = remembered((4, 7, 1), 99, *parts(3, 2))
    some = memory.picked(np.array([2, 0]))
    assert some.ids == (1, 4)
    np.testing.assert_array_equal(some.place.value, memory.place.value[[2, 0]])
    some.place.value[:] = 5.0
    assert (some.rows == 5.0).sum() == 6 and not (memory.rows == 5.0).any()
    both = memory.joined(some)
    assert both.ids == (4, 7, 1, 1, 4) and len(both.rows) == len(both.stamps) == 5
    np.testing.assert_array_equal(both.place.value[3:], 5.0)
