"""Misfits of single cues by hand, and what is learned from a sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pear_core.anatomy import BODY_JOINTS
from pear_ros.perception.tracking import appearance, memory
from pear_ros.perception.tracking.memory import DOUBT, LONGEST, MOST, UNCLEAR, Sights
from pear_ros.types import Crop, Parameters, RegressorOutput

SECOND = 1_000_000_000


def one(**changes: object) -> Sights:
    """One body 100 pixels high, as plain as can be."""
    points = np.zeros((1, 22, 2))
    points[0, 0], points[0, 1] = (0.0, 0.0), (30.0, 100.0)
    colour = np.zeros((1, appearance.SIZE), np.float32)
    colour[0, :: appearance.BINS] = 1.0
    plain = Sights(
        keypoints=points, side=np.array([100.0]), pose=np.zeros((1, 22, 3)), far=np.zeros(1),
        shape=np.zeros((1, memory.SHAPES)), colour=colour, clear=np.ones(1, bool),
    )  # fmt: skip
    return replace(plain, **changes)


def misfit(seen: Sights, age: float = 0.0, followed: bool = True) -> tuple[float, float]:
    """Of the plain body, remembered, and another."""
    plain = one()
    remembered = memory.learned(memory.begun(plain, 0, 0), plain, 0, 0, True, False, (0.0, 0.0))
    points = remembered.keypoints[None]
    where, looks = memory.misfit(
        [remembered], points, points, np.array([age]), np.array([followed]), seen
    )
    return float(where[0, 0]), float(looks[0, 0])


def test_the_same_body_fits() -> None:
    assert misfit(one()) == (0.0, 0.0)
    assert misfit(one(), age=0.7, followed=False) == (0.0, 0.0)


def test_place_by_hand() -> None:
    # 6 pixels of 100 are one deviation at age 0; after 0.2 s it is 0.06 + 0.1, later 0.46 at most.
    moved = one(keypoints=one().keypoints + (6.0, 0.0))
    assert misfit(moved) == (pytest.approx(1.0), 0.0)
    assert misfit(moved, age=0.2)[0] == pytest.approx((0.06 / 0.16) ** 2)
    assert misfit(moved, age=9.0)[0] == pytest.approx((0.06 / 0.46) ** 2)
    assert misfit(one(keypoints=one().keypoints + (60.0, 0.0)))[0] == MOST


def test_the_better_of_two_places_counts() -> None:
    plain, moved = one(), one(keypoints=one().keypoints + (50.0, 0.0))
    known = memory.begun(plain, 0, 0)
    here, there = plain.keypoints, moved.keypoints
    for points, others in ((here, there), (there, here)):
        where, _ = memory.misfit(
            [known], points, others, np.zeros(1), np.ones(1, bool), moved
        )  # fmt: skip
        assert where[0, 0] == 0.0


def test_pose_distance_and_shape_by_hand() -> None:
    assert misfit(one(pose=np.full((1, 22, 3), 0.08 / np.sqrt(3))))[0] == pytest.approx(1.0)
    assert misfit(one(far=np.array([-0.15])))[0] == pytest.approx(1.0)
    shape = np.zeros((1, memory.SHAPES))
    shape[0, 3] = 0.8
    assert misfit(one(shape=shape))[1] == pytest.approx(1.0)
    assert misfit(one(shape=9 * shape))[1] == 0.5 * MOST


def test_colours_by_hand() -> None:
    colour = one().colour.copy()
    # One of six histograms is another one: overlap 5/6, distance sqrt(1/6).
    colour[0, 0], colour[0, 5] = 0.0, 1.0
    assert misfit(one(colour=colour))[1] == pytest.approx((1 / 6) / 0.2**2, rel=1e-4)
    other = np.roll(one().colour, 2, axis=1)
    assert misfit(one(colour=other))[1] == MOST
    # Somebody who comes back in other clothes alone is a stranger.
    assert misfit(one(colour=other), followed=False)[1] == 2 * MOST > memory.GATE


def test_half_a_view_says_less_of_looks() -> None:
    covered = Sights(
        **{name: np.repeat(getattr(one(), name), 2, axis=0) for name in Sights.__dataclass_fields__}
    )
    other = np.roll(covered.colour, 2, axis=1)
    covered = replace(covered, colour=other, clear=np.zeros(2, bool))
    plain = memory.learned(memory.begun(one(), 0, 0), one(), 0, 0, True, False, (0.0, 0.0))
    points = one().keypoints
    for followed, where, looks in ((True, 0.0, UNCLEAR * MOST), (False, DOUBT, MOST)):
        found = memory.misfit(
            [plain], points, points, np.zeros(1), np.array([followed]), covered
        )  # fmt: skip
        np.testing.assert_allclose(found[0], where)
        np.testing.assert_allclose(found[1], looks)


def test_nobody_has_no_misfits() -> None:
    empty = np.zeros((0, 22, 2))
    for part in memory.misfit([], empty, empty, np.zeros(0), np.zeros(0, bool), one()):
        assert part.shape == (0, 1)
    known = memory.begun(one(), 0, 0)
    for part in memory.misfit(
        [known], one().keypoints, one().keypoints, np.zeros(1), np.ones(1, bool), memory.none()
    ):
        assert part.shape == (1, 0)


def test_looks_are_running_means_of_clear_sights() -> None:
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(60, memory.SHAPES))
    known = memory.begun(one(shape=shapes[:1]), 0, 0)
    for i in range(1, 60):
        known = memory.learned(known, one(shape=shapes[i : i + 1]), 0, i, True, False, (0.0, 0.0))
        if i < LONGEST:
            np.testing.assert_allclose(known.shape, shapes[: i + 1].mean(axis=0), atol=1e-12)
    assert known.known == 60
    unclear = one(shape=9 + shapes[:1], clear=np.zeros(1, bool), far=np.array([0.5]))
    after = memory.learned(known, unclear, 0, SECOND, False, True, (5.0, 0.0))
    np.testing.assert_array_equal(after.shape, known.shape)
    assert (after.known, after.far, after.seen, after.anchored) == (60, 0.5, SECOND, 59)
    assert (after.apart.stamp, after.apart.pace, after.apart.unseen) == (59, (0.0, 0.0), True)


def test_misfit_of_people_who_come_apart_by_hand() -> None:
    """Seen last a second ago at 30 pixels a second; a body 100 pixels high."""
    known = memory.learned(memory.begun(one(), 0, 0), one(), 0, 0, True, False, (30.0, 0.0))

    def found(x: float, turned: float = 0.0) -> float:
        there = one()
        points = there.keypoints + (x, 0.0)
        now = replace(there, keypoints=points, pose=there.pose + (turned, 0.0, 0.0))
        return float(memory.misfit_apart([replace(known, side=100.0)], now, SECOND)[0, 0])

    assert found(30.0) == pytest.approx(0.0, abs=1e-6)
    # A quarter of the height at one second; 0.12 metres of every joint: a unit each.
    assert found(55.0) == pytest.approx(0.9, abs=1e-5)
    assert found(30.0, 0.12) == pytest.approx(0.9, abs=1e-5)
    assert found(999.0, 9.0) == pytest.approx(0.9 * 2 * memory.BEFORE, abs=1e-5)


def test_boxes_are_clear_up_to_an_eighth() -> None:
    rows = np.array([[0, 0, 100, 100], [90, 0, 190, 100], [300, 0, 400, 100], [385, 0, 485, 100]])
    # 10 % of the first two are common, 15 % of the others.
    assert memory.clear_of_others(rows.astype(float)).tolist() == [True, True, False, False]
    assert memory.clear_of_others(np.zeros((0, 4))).shape == (0,)


def test_sights_of_a_regressor() -> None:
    joints = np.zeros((2, 145, 3), np.float32)
    joints[:, 1] = (0.1, 0.2, 0.3)
    joints[1] += 5.0
    fields = {name: np.zeros((2, 1), np.float32) for name in Parameters.__dataclass_fields__}
    fields["betas"] = np.arange(400, dtype=np.float32).reshape(2, 200)
    camera = np.array([[0, 0, 0.8], [0, 0, 0.4]], np.float32)
    output = RegressorOutput(Parameters(**fields), joints, joints[..., :2], camera)
    keypoints = np.zeros((2, 145, 2), np.float32)
    keypoints[0, 2], keypoints[1] = (30.0, 80.0), 200.0
    crops = [Crop(0.0, 0.0, 100.0), Crop(0.0, 0.0, 100.0)]
    found = memory.sights(np.zeros((300, 300, 3), np.uint8), output, keypoints, crops)
    assert len(found) == 2 and found.side.tolist() == [80.0, 1.0]
    np.testing.assert_allclose(found.pose[1, 1], (0.1, 0.2, 0.3), atol=1e-6)
    # Half the scale in an equal crop is twice the distance.
    assert found.far[1] - found.far[0] == pytest.approx(np.log(2.0))
    assert found.shape[1].tolist() == list(range(200, 200 + memory.SHAPES))
    assert found.keypoints.shape == (2, len(BODY_JOINTS), 2)
