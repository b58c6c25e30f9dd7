"""Smoothing of whole people: what is filtered, what is locked, what starts anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core import layout
from pear_ros.perception.smoothing.smooth import Smoother, SmoothOptions
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
        # A known person's shape has already replaced the regressed one.
        given = replace(human(parameters(rng), (0.1 * i, 0.0, 3.0)), raw_parameters=parameters(rng))
        (out,) = smoother.smooth(START + i * FRAME, (given,), K, None)
    assert out.raw_parameters is given.raw_parameters and out.raw_transl is given.transl
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


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_after_a_gap_the_motion_begins_anew_and_the_shape_does_not(
    rng: np.random.Generator, seconds: float
) -> None:
    smoother, own = Smoother(Body()), parameters(rng)
    for i in range(30):
        smoother.smooth(START + i * FRAME, (human(own),), K, None)
    other = parameters(rng)
    end = START + 29 * FRAME + round(seconds * 1e9)
    (out,) = smoother.smooth(end, (human(other, (0.0, 0.0, 4.0)),), K, None)
    assert angle(out.parameters, other) < 1e-3
    np.testing.assert_allclose(out.parameters.expression, other.expression, atol=1e-6)
    np.testing.assert_allclose(out.transl, [0, 0, 4], atol=1e-6)
    np.testing.assert_array_equal(out.velocity, 0)
    # However long the gap was, the frame counts as one of 31.
    expected = own.betas + (other.betas - own.betas) / 31
    still, moved = (np.linalg.norm(out.parameters.betas - b) for b in (own.betas, expected))
    assert still <= 1.01 * np.linalg.norm(expected - own.betas) and moved < np.linalg.norm(
        own.betas
    )


def test_a_shape_is_forgotten_in_the_end(rng: np.random.Generator) -> None:
    smoother, other = Smoother(Body()), parameters(rng)
    smoother.smooth(START, (human(parameters(rng)),), K, None)
    smoother.smooth(START + 11 * 10**9, (human(parameters(rng), track_id=1),), K, None)
    (out,) = smoother.smooth(START + 12 * 10**9, (human(other),), K, None)
    np.testing.assert_allclose(out.parameters.betas, other.betas, atol=1e-6)


def test_a_clock_that_goes_back_begins_anew(rng: np.random.Generator) -> None:
    smoother = Smoother(Body())
    smoother.smooth(START, (human(parameters(rng)),), K, None)
    other = parameters(rng)
    (out,) = smoother.smooth(START - FRAME, (human(other),), K, None)
    assert angle(out.parameters, other) < 1e-3 and np.isfinite(out.joints).all()


def test_a_second_picture_of_the_same_stamp_hardly_moves_anybody(
    rng: np.random.Generator,
) -> None:
    smoother, own = Smoother(Body()), parameters(rng, Rotation.identity(layout.NUM_ROTATIONS))
    for i in range(10):
        (before,) = smoother.smooth(START + i * FRAME, (human(own),), K, None)
    turned = Rotation.from_rotvec(np.tile([0.0, 0.0, 0.1], (layout.NUM_ROTATIONS, 1)))
    other = human(parameters(rng, turned), (0.03, 0.0, 3.0))
    (out,) = smoother.smooth(START + 9 * FRAME, (other,), K, None)
    # 1 ms at 1.5 Hz and 0.6 Hz per 1.3 rad/s of velocity: 1.4 % of 0.1 rad.
    assert angle(out.parameters, before.parameters) < 0.003
    assert abs(out.transl[0]) < 0.002 and np.abs(out.velocity).max() < 1.0


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


def spread(depth: float, noise: float, scale: ScaleSource) -> float:
    """Standard deviation left of a distance that is measured with noise, over what it was."""
    smoother, own, noises = Smoother(Body()), parameters(np.random.default_rng(0)), []
    rng = np.random.default_rng(3)
    for i in range(200):
        noises.append(noise * rng.standard_normal())
        given = replace(human(own, (0.0, 0.0, depth + noises[-1])), scale=scale)
        (out,) = smoother.smooth(START + i * FRAME, (given,), K, None)
        noises[-1] = (noises[-1], float(out.transl[2]) - depth)  # type: ignore[call-overload]
    raw, left = np.std(noises[50:], axis=0)
    return float(left / raw)


def test_distances_are_held_harder_unless_they_were_measured() -> None:
    guessed = spread(3.0, 0.03, ScaleSource.INTRINSICS)
    assert guessed < 0.5 and spread(3.0, 0.03, ScaleSource.DEPTH) > 1.3 * guessed


def test_noise_of_somebody_far_away_is_no_jump() -> None:
    """3 % of 20 m: a step of more than 0.77 m in every third frame, and still one person."""
    near, far = (spread(d, 0.03 * d, ScaleSource.INTRINSICS) for d in (3.0, 20.0))
    assert near < 0.6 and far == pytest.approx(near, rel=0.02)


def test_a_predicted_person_is_believed_less(rng: np.random.Generator) -> None:
    turned = Rotation.from_rotvec(np.tile([0.0, 0.3, 0.0], (layout.NUM_ROTATIONS, 1)))
    first, then = parameters(rng, Rotation.identity(52)), parameters(rng, turned)
    left = {}
    for state in (TrackState.TRACKED, TrackState.PREDICTED):
        smoother = Smoother(Body(), SmoothOptions(response=0.0, lead=0.0))
        smoother.smooth(START, (human(first),), K, None)
        given = human(then, (0.1, 0.0, 3.0), state=state)
        (out,) = smoother.smooth(START + FRAME, (given,), K, None)
        shoulder = Rotation.from_matrix(out.parameters.rotations[0, 16].astype(np.float64))
        left[state] = (1 - shoulder.magnitude() / 0.3, 1 - out.transl[0] / 0.1)
    # A low-pass leaves exp(-2 pi f dt); half the cutoff leaves the root of it.
    tracked, predicted = left[TrackState.TRACKED], left[TrackState.PREDICTED]
    assert tracked[0] == pytest.approx(np.exp(-2 * np.pi * 1.5 / 30), abs=1e-4)
    np.testing.assert_allclose(predicted, np.sqrt(tracked), atol=1e-4)


def test_what_lies_outside_the_picture_is_believed_less(rng: np.random.Generator) -> None:
    turned = Rotation.from_rotvec(np.tile([0.0, 0.3, 0.0], (layout.NUM_ROTATIONS, 1)))
    smoother = Smoother(Body(), SmoothOptions(response=0.0, lead=0.0))
    smoother.smooth(START, (human(parameters(rng, Rotation.identity(52))),), K, None)
    confidence = np.ones(145, np.float32)
    confidence[[4, 7, 10]] = 0.0
    given = replace(human(parameters(rng, turned)), joint_confidence=confidence)
    (out,) = smoother.smooth(START + FRAME, (given,), K, None)
    left = 1 - Rotation.from_matrix(out.parameters.rotations[0].astype(float)).magnitude() / 0.3
    hip, knee, other_hip = left[1], left[4], left[2]
    assert other_hip == pytest.approx(np.exp(-2 * np.pi * 1.5 / 30), abs=1e-4)
    assert hip == pytest.approx(np.sqrt(other_hip), abs=1e-4) == knee


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


@settings(deadline=None, max_examples=15)
@given_any(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([1, 8, 33, 100, 399, 900, -50, 0]), min_size=2, max_size=6),
)
def test_whatever_comes_rotations_go_out_and_the_world_may_be_turned(
    seed: int, milliseconds: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    world, shift = Rotation.random(rng=rng), rng.normal(size=3)
    camera = Reference("map", Rotation.random(rng=rng).as_matrix(), rng.normal(size=3))
    turned = Reference(
        "map", world.as_matrix() @ camera.rotation, world.apply(camera.translation) + shift
    )
    one, other, stamp = Smoother(Body()), Smoother(Body()), START
    for step in milliseconds:
        stamp += step * 1_000_000
        given = human(parameters(rng), rng.normal([0, 0, 4], 0.3))
        (a,) = one.smooth(stamp, (given,), K, camera)
        (b,) = other.smooth(stamp, (given,), K, turned)
        r = a.parameters.rotations[0].astype(np.float64)
        np.testing.assert_allclose(
            r @ r.swapaxes(-1, -2), np.tile(np.eye(3), (52, 1, 1)), atol=1e-6
        )
        assert np.linalg.det(r).min() > 0 and np.isfinite(a.joints).all()
        # Seen from the camera, it does not matter how the world is called.
        np.testing.assert_allclose(b.parameters.rotations, a.parameters.rotations, atol=1e-5)
        np.testing.assert_allclose(b.transl, a.transl, atol=1e-5)
        np.testing.assert_allclose(b.velocity, a.velocity, atol=1e-3)


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
