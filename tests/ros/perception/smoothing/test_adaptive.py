"""The filters against closed forms: gains, noise, lag, equivariance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_ros.perception.smoothing.adaptive import (
    Motion,
    Tuning,
    at_rest,
    gain,
    moved,
    moved_along,
    turned,
)
from pear_ros.perception.smoothing.smooth import SmoothOptions

DT = np.array([1 / 30])
STILL = Tuning(cutoff=1.5, response=0.0, velocity_cutoff=2.0, lead=0.0)


def quaternions(rotation: Rotation) -> np.ndarray:
    """(1, J, 4) or (1, 1, 4)."""
    return rotation.as_quat().reshape(1, -1, 4)


def test_the_gain_is_that_of_an_exponential_low_pass() -> None:
    # After one time constant, 1 / (2 pi f), 63 % of a step are through.
    assert gain(2.0, np.array(1 / (4 * np.pi))) == pytest.approx(1 - np.exp(-1))
    assert gain(3.0, np.array(0.0)) == 0.0 and gain(1e9, np.array(1.0)) == 1.0


def test_two_half_steps_are_one_step() -> None:
    start, target = at_rest(np.zeros((1, 1, 1)), rotations=False), np.ones((1, 1, 1))
    once = moved(start, target, DT, STILL).value
    half = moved(moved(start, target, DT / 2, STILL), target, DT / 2, STILL).value
    np.testing.assert_allclose(half, once, rtol=1e-12)


def test_white_noise_shrinks_by_the_factor_of_theory() -> None:
    """Variance of a first-order low-pass: a / (2 - a)."""
    rng = np.random.default_rng(0)
    motion = at_rest(np.zeros((1, 4000, 1)), rotations=False)
    for _ in range(200):
        motion = moved(motion, rng.standard_normal((1, 4000, 1)), DT, STILL)
    a = float(gain(1.5, DT)[0])
    assert motion.value.std() == pytest.approx(np.sqrt(a / (2 - a)), rel=0.05)


def test_rotation_noise_shrinks_alike() -> None:
    rng = np.random.default_rng(1)
    base = Rotation.random(rng=rng)
    motion = at_rest(np.repeat(quaternions(base), 4000, axis=1), rotations=True)
    for _ in range(150):
        noisy = base * Rotation.from_rotvec(0.02 * rng.standard_normal((4000, 3)))
        motion = turned(motion, quaternions(noisy), DT, STILL, np.ones(4000))
    left = (base.inv() * Rotation.from_quat(motion.value[0])).as_rotvec()
    a = float(gain(1.5, DT)[0])
    assert left.std() == pytest.approx(0.02 * np.sqrt(a / (2 - a)), rel=0.05)


@given(st.integers(0, 2**32 - 1))
def test_what_rests_stays_exactly(seed: int) -> None:
    rotation = Rotation.random(5, rng=np.random.default_rng(seed))
    motion = at_rest(quaternions(rotation), rotations=True)
    for _ in range(5):
        # The other sign of a quaternion is the same rotation.
        motion = turned(motion, -motion.measured, DT, Tuning(1.5, 0.6, 2.0, 0.6), np.ones(5))
    left = rotation.inv() * Rotation.from_quat(motion.value[0])
    assert left.magnitude().max() < 1e-7


def steady_lag(lead: float, rotations: bool) -> float:
    """Seconds behind a constant velocity of 1 rad/s or 1 m/s, measured after settling."""
    tuning = Tuning(1.5, 0.0, 2.0, lead)
    if rotations:
        motion = at_rest(quaternions(Rotation.identity()), rotations=True)
        for i in range(1, 400):
            z = quaternions(Rotation.from_rotvec([0, 0, i / 30]))
            motion = turned(motion, z, DT, tuning, np.ones(1))
        ahead = Rotation.from_rotvec([0, 0, 399 / 30]).inv() * Rotation.from_quat(
            motion.value[0, 0]
        )
        return float(-ahead.as_rotvec()[2])
    motion = at_rest(np.zeros((1, 1, 1)), rotations=False)
    for i in range(1, 400):
        motion = moved(motion, np.full((1, 1, 1), i / 30), DT, tuning)
    return float(399 / 30 - motion.value[0, 0, 0])


@pytest.mark.parametrize("rotations", [True, False])
@pytest.mark.parametrize("lead", [0.0, 0.6, 1.0])
def test_the_lag_behind_a_constant_velocity(rotations: bool, lead: float) -> None:
    """x - y = (1 - a)(dt (1 - lead) + (x - y)) in the steady state: (1 - a)(1 - lead) dt / a."""
    a = float(gain(1.5, DT)[0])
    expected = (1 - a) * (1 - lead) / 30 / a
    assert steady_lag(lead, rotations) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("fps", [10.0, 30.0, 60.0])
@pytest.mark.parametrize(("hertz", "swing"), [(0.5, 0.1), (1.0, 0.5), (2.0, 0.5), (2.0, 0.1)])
@pytest.mark.parametrize("unsteady", [0.0, 0.3])
def test_a_swinging_joint_is_less_than_50_ms_late(
    fps: float, hertz: float, swing: float, unsteady: float
) -> None:
    """Sine of `swing` radians through the filter of a pose: phase and height of what comes out."""
    rng = np.random.default_rng(0)
    steps = np.maximum(1 + unsteady * rng.standard_normal(round(6 * fps)), 0.2) / fps
    times = np.cumsum(steps)
    angles = swing * np.sin(2 * np.pi * hertz * times)
    turns = Rotation.from_rotvec(angles[:, None] * [0.0, 0.6, 0.8]).as_quat()
    motion, found = at_rest(turns[0].reshape(1, 1, 4), rotations=True), []
    for step, turn in zip(steps, turns, strict=True):
        motion = turned(
            motion, turn.reshape(1, 1, 4), np.array([step]), SmoothOptions().pose, np.ones(1)
        )
        found.append(Rotation.from_quat(motion.value[0, 0]).as_rotvec() @ [0.0, 0.6, 0.8])
    late = times > 2.0
    phase = 2 * np.pi * hertz * times[late]
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    (sine, cosine), *_ = np.linalg.lstsq(basis, np.array(found)[late], rcond=None)
    assert 0.0 < np.arctan2(-cosine, sine) / (2 * np.pi * hertz) < 0.05
    assert np.hypot(sine, cosine) / swing == pytest.approx(1.0, abs=0.12)


def test_a_blink_is_still_a_blink() -> None:
    """130 ms from open to closed to open at 30 Hz: not a frame late, and hardly less closed."""
    lids = np.array([0.0] * 30 + [0.5, 1.0, 1.0, 0.5] + [0.0] * 20)
    motion, found = at_rest(np.zeros((1, 1, 1)), rotations=False), []
    for lid in lids:
        motion = moved(motion, np.full((1, 1, 1), lid), DT, SmoothOptions().expression)
        found.append(float(motion.value[0, 0, 0]))
    assert max(found) > 0.95 and abs(int(np.argmax(found)) - 31.5) <= 1
    assert max(found[35:]) < 0.1 and min(found) > -0.05


def test_fast_motion_opens_the_filter() -> None:
    """At 10 units per second the cutoff is 1.5 + 0.6 * 10 = 7.5 Hz."""
    tuning = Tuning(1.5, 0.6, 1e9, 0.0)
    motion = at_rest(np.zeros((1, 1, 1)), rotations=False)
    motion = moved(motion, np.full((1, 1, 1), 10 / 30), DT, tuning)
    assert motion.value[0, 0, 0] == pytest.approx(10 / 30 * float(gain(7.5, DT)[0]))


@given(st.integers(0, 2**32 - 1))
def test_rotations_are_filtered_alike_in_every_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = Rotation.random(rng=rng)
    tuning, path = Tuning(1.5, 0.6, 2.0, 0.6), [Rotation.random(rng=rng) for _ in range(6)]

    def last(frame: Rotation) -> Rotation:
        motion = at_rest(quaternions(frame * path[0]), rotations=True)
        for rotation in path[1:]:
            motion = turned(motion, quaternions(frame * rotation), DT, tuning, np.ones(1))
        assert np.abs(np.linalg.norm(motion.value, axis=-1) - 1).max() < 1e-12
        return Rotation.from_quat(motion.value[0, 0])

    plain, seen = last(Rotation.identity()), last(world)
    assert ((world * plain).inv() * seen).magnitude() < 1e-6


def test_half_turns_take_a_way_and_do_not_break() -> None:
    motion = at_rest(quaternions(Rotation.identity()), rotations=True)
    for _ in range(60):
        opposite = quaternions(Rotation.from_rotvec([np.pi, 0, 0]))
        motion = turned(motion, opposite, DT, Tuning(1.5, 0.6, 2.0, 0.6), np.ones(1))
    assert np.isfinite(motion.value).all()
    left = Rotation.from_quat(motion.value[0, 0]).inv() * Rotation.from_rotvec([np.pi, 0, 0])
    assert left.magnitude() < 0.01


def test_a_point_is_held_harder_along_its_ray() -> None:
    across, along = Tuning(3.0, 0.0, 2.0, 0.0), Tuning(0.5, 0.0, 2.0, 0.0)
    ray = np.array([[[0.0, 0.6, 0.8]]])
    start = at_rest(np.zeros((1, 1, 3)), rotations=False)
    deep = moved_along(start, 0.1 * ray, DT, across, along, ray).value[0, 0]
    np.testing.assert_allclose(deep, 0.1 * ray[0, 0] * gain(0.5, DT), atol=1e-12)
    side = moved_along(start, np.array([[[0.1, 0, 0]]]), DT, across, along, ray).value[0, 0]
    np.testing.assert_allclose(side, [0.1 * float(gain(3.0, DT)[0]), 0, 0], atol=1e-12)


def test_velocities_come_out_in_units_per_second() -> None:
    motion: Motion = at_rest(np.zeros((1, 1, 3)), rotations=False)
    for i in range(1, 200):
        motion = moved(motion, np.array([[[0.5 * i / 30, 0, -i / 30]]]), DT, STILL)
    np.testing.assert_allclose(motion.velocity[0, 0], [0.5, 0, -1.0], atol=1e-6)
