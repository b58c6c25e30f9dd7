"""Smoothing of whole people: what is filtered, what is locked, what starts anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_core import layout
from pear_ros.perception.smooth import Smoother, SmoothOptions
from pear_ros.types import (
    Box,
    Crop,
    FloatArray,
    Human,
    Intrinsics,
    Parameters,
    Reference,
    ScaleSource,
    TrackState,
)  # fmt: skip

K = Intrinsics(500.0, 510.0, 320.0, 240.0, 640, 480)
FRAME = 33_333_333
START = 1_000_000_000


class Body:
    """Joints that depend on the pose in a known way: rotation i turns joint i's arm."""

    arms = np.random.default_rng(0).normal(0, 0.3, (145, 3)).astype(np.float32)

    def joints(self, parameters: Parameters) -> FloatArray:
        index = np.arange(145) % layout.NUM_ROTATIONS
        return np.asarray(
            np.einsum("njab,jb->nja", parameters.rotations[:, index], self.arms), np.float32
        )


def parameters(rng: np.random.Generator, rotations: Rotation | None = None) -> Parameters:
    rotations = Rotation.random(layout.NUM_ROTATIONS, rng=rng) if rotations is None else rotations
    widths = {
        n: layout.FIELDS[n].width for n in Parameters.__dataclass_fields__ if n != "rotations"
    }
    values = {n: 0.1 * rng.standard_normal((1, w)).astype(np.float32) for n, w in widths.items()}
    return Parameters(rotations.as_matrix().astype(np.float32)[None], **values)


def human(
    own: Parameters, transl: Any = (0.0, 0.0, 3.0), track_id: int = 0,
    state: TrackState = TrackState.TRACKED,
) -> Human:  # fmt: skip
    place = np.asarray(transl, np.float32)
    joints = Body().joints(own)[0] + place
    return Human(
        track_id, state, Box(0, 0, 9, 9), Crop(5, 5, 9), own, own, np.zeros(3, np.float32), place,
        joints, np.zeros((145, 2), np.float32), np.ones(145, np.float32), ScaleSource.INTRINSICS, 0.1,
    )  # fmt: skip


def angle(a: Parameters, b: Parameters) -> float:
    """Largest angle between two poses, radians."""
    x, y = (Rotation.from_matrix(p.rotations[0].astype(np.float64)) for p in (a, b))
    return float((x.inv() * y).magnitude().max())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_first_frame_passes_and_what_rests_stays(rng: np.random.Generator) -> None:
    smoother, own = Smoother(Body()), parameters(rng)
    for i in range(4):
        (out,) = smoother.smooth(START + i * FRAME, (human(own),), K, None)
        assert angle(out.parameters, own) < 1e-3
        for name in ("betas", "flame_expression", "jaw_pose", "eye_pose", "eyelids", "head_scale"):
            found, given = getattr(out.parameters, name), getattr(own, name)
            np.testing.assert_allclose(found, given, atol=1e-5)
        np.testing.assert_allclose(out.transl, [0, 0, 3], atol=1e-6)


def test_raw_stays_beside_and_joints_and_pixels_belong_to_the_smoothed_pose(
    rng: np.random.Generator,
) -> None:
    smoother = Smoother(Body())
    for i in range(3):
        given = human(parameters(rng), (0.1 * i, 0.0, 3.0))
        (out,) = smoother.smooth(START + i * FRAME, (given,), K, None)
    assert out.raw_parameters is given.parameters and out.raw_transl is given.transl
    assert angle(out.parameters, given.parameters) > 0.05
    np.testing.assert_allclose(out.joints, Body().joints(out.parameters)[0] + out.transl, atol=1e-6)
    x, y, z = out.joints.T
    np.testing.assert_allclose(out.keypoints[:, 0], 500 * x / z + 320, rtol=1e-5)
    np.testing.assert_allclose(out.keypoints[:, 1], 510 * y / z + 240, rtol=1e-5)


def test_the_shape_is_locked_to_its_mean(rng: np.random.Generator) -> None:
    smoother, seen = Smoother(Body()), []
    for i in range(60):
        own = parameters(rng)
        seen.append(own.betas[0])
        (out,) = smoother.smooth(START + i * FRAME, (human(own),), K, None)
    raw = np.linalg.norm(np.std(seen, axis=0))
    left = np.linalg.norm(out.parameters.betas[0] - np.mean(seen, axis=0))
    assert left < 0.05 * raw


def test_lids_and_jaw_are_quicker_than_the_body(rng: np.random.Generator) -> None:
    smoother, own = Smoother(Body()), parameters(rng, Rotation.identity(layout.NUM_ROTATIONS))
    smoother.smooth(START, (human(own),), K, None)
    turned = Rotation.from_rotvec(np.tile([0.0, 0.0, 0.3], (layout.NUM_ROTATIONS, 1)))
    blink = replace(
        parameters(rng, turned),
        eyelids=own.eyelids + np.float32(1.0),
        betas=own.betas,
    )
    (out,) = smoother.smooth(START + FRAME, (human(blink),), K, None)
    lids = float((out.parameters.eyelids - own.eyelids).mean())
    body = Rotation.from_matrix(out.parameters.rotations[0, 4].astype(np.float64)).magnitude() / 0.3
    assert lids > 0.6 and body < lids - 0.1


def test_a_gap_begins_anew(rng: np.random.Generator) -> None:
    smoother = Smoother(Body())
    smoother.smooth(START, (human(parameters(rng)),), K, None)
    other = parameters(rng)
    (out,) = smoother.smooth(START + 500_000_000, (human(other),), K, None)
    assert angle(out.parameters, other) < 1e-3
    np.testing.assert_allclose(out.parameters.betas, other.betas, atol=1e-6)


@pytest.mark.parametrize("stamp", [START, START - FRAME])
def test_time_that_stands_still_or_goes_back_begins_anew(
    rng: np.random.Generator, stamp: int
) -> None:
    smoother = Smoother(Body())
    smoother.smooth(START, (human(parameters(rng)),), K, None)
    other = parameters(rng)
    (out,) = smoother.smooth(stamp, (human(other),), K, None)
    assert angle(out.parameters, other) < 1e-3 and np.isfinite(out.joints).all()


def test_somebody_who_was_away_for_a_moment_is_still_known(rng: np.random.Generator) -> None:
    smoother, own = Smoother(Body()), parameters(rng)
    smoother.smooth(START, (human(own), human(parameters(rng), track_id=1)), K, None)
    smoother.smooth(START + FRAME, (human(parameters(rng), track_id=1),), K, None)
    other = parameters(rng)
    (out,) = smoother.smooth(START + 2 * FRAME, (human(other),), K, None)
    assert angle(out.parameters, other) > 0.05


def test_a_person_who_was_found_elsewhere_is_not_dragged_through_the_room(
    rng: np.random.Generator,
) -> None:
    smoother, own = Smoother(Body()), parameters(rng)
    for i in range(5):
        smoother.smooth(START + i * FRAME, (human(own, (0.0, 0.0, 3.0)),), K, None)
    (out,) = smoother.smooth(START + 5 * FRAME, (human(own, (2.0, 0.0, 4.0)),), K, None)
    np.testing.assert_allclose(out.transl, [2.0, 0.0, 4.0], atol=1e-6)
    np.testing.assert_array_equal(out.velocity, 0)


def test_people_do_not_touch_each_other(rng: np.random.Generator) -> None:
    a, b = [[parameters(rng) for _ in range(4)] for _ in range(2)]
    together, alone = Smoother(Body()), Smoother(Body())
    for i in range(4):
        people = (human(a[i], track_id=3), human(b[i], (1.0, 0, 4), track_id=9))
        both = together.smooth(START + i * FRAME, people if i % 2 else people[::-1], K, None)
        (one,) = alone.smooth(START + i * FRAME, (human(b[i], (1.0, 0, 4), track_id=9),), K, None)
    found = next(h for h in both if h.track_id == 9)
    np.testing.assert_allclose(found.joints, one.joints, atol=1e-5)


def test_a_moving_camera_does_not_smear_a_person_who_stands(rng: np.random.Generator) -> None:
    """The camera turns and drives; in the world the person rests, so every frame is exact."""
    smoother = Smoother(Body())
    world = parameters(rng)
    place = np.array([4.0, 1.0, 0.9])
    for i in range(20):
        turn = Rotation.from_euler("zyx", [0.05 * i, 0.01 * i, 0.02 * i])
        shift = np.array([0.05 * i, -0.02 * i, 0.0])
        reference = Reference("odom", turn.as_matrix(), shift)
        rotations = world.rotations.astype(np.float64).copy()
        rotations[0, 0] = turn.as_matrix().T @ rotations[0, 0]
        own = replace(world, rotations=rotations.astype(np.float32))
        given = human(own, turn.inv().apply(place - shift))
        (out,) = smoother.smooth(START + i * FRAME, (given,), K, reference)
        assert angle(out.parameters, own) < 2e-3
        np.testing.assert_allclose(out.transl, given.transl, atol=1e-4)
        np.testing.assert_allclose(out.velocity, 0, atol=2e-2)


def test_a_walker_has_the_same_velocity_however_the_camera_turns(rng: np.random.Generator) -> None:
    def last(rate: float) -> np.ndarray:
        smoother, own = Smoother(Body()), parameters(np.random.default_rng(1))
        for i in range(90):
            turn = Rotation.from_euler("z", rate * i)
            reference = Reference("odom", turn.as_matrix(), np.zeros(3))
            place = np.array([3.0, 1.2 * i / 30, 0.5])
            given = human(own, turn.inv().apply(place))
            (out,) = smoother.smooth(START + i * FRAME, (given,), K, reference)
        return np.asarray(turn.apply(out.velocity))

    np.testing.assert_allclose(last(0.0), [0, 1.2, 0], atol=0.01)
    np.testing.assert_allclose(last(0.03), [0, 1.2, 0], atol=0.01)


def test_a_reference_that_comes_and_goes_makes_no_jump(rng: np.random.Generator) -> None:
    smoother, own = Smoother(Body()), parameters(rng)
    reference = Reference("odom", Rotation.random(rng=rng).as_matrix(), np.array([3.0, -2.0, 1.0]))
    for i in range(12):
        seen = reference if 3 < i < 8 else None
        (out,) = smoother.smooth(START + i * FRAME, (human(own),), K, seen)
        assert angle(out.parameters, own) < 2e-3
        np.testing.assert_allclose(out.transl, [0, 0, 3], atol=1e-4)


def test_options_change_without_forgetting(rng: np.random.Generator) -> None:
    smoother = Smoother(Body(), SmoothOptions(cutoff=0.1, response=0.0, lead=0.0))
    first = parameters(rng, Rotation.identity(layout.NUM_ROTATIONS))
    smoother.smooth(START, (human(first),), K, None)
    turned = Rotation.from_rotvec(np.tile([0.0, 0.3, 0.0], (layout.NUM_ROTATIONS, 1)))
    given = human(parameters(rng, turned))
    (slow,) = smoother.smooth(START + FRAME, (given,), K, None)
    smoother.options = SmoothOptions(cutoff=1000.0)
    (quick,) = smoother.smooth(START + 2 * FRAME, (given,), K, None)
    assert angle(slow.parameters, first) < 0.02
    assert angle(quick.parameters, given.parameters) < 1e-3


def test_a_predicted_person_teaches_nothing_about_the_shape(rng: np.random.Generator) -> None:
    smoother, own = Smoother(Body()), parameters(rng)
    smoother.smooth(START, (human(own),), K, None)
    guess = human(parameters(rng), state=TrackState.PREDICTED)
    (out,) = smoother.smooth(START + FRAME, (guess,), K, None)
    np.testing.assert_allclose(out.parameters.betas, own.betas, atol=1e-6)


def test_nobody_is_nobody() -> None:
    assert Smoother(Body()).smooth(START, (), K, None) == ()
