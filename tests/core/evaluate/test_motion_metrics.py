"""Acceleration error and jitter on motions whose derivatives are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.evaluate.motion_metrics import acceleration, acceleration_error, jitter, lag

FPS = 30.0


def polynomial(frames: int, *coefficients: float) -> torch.Tensor:
    """Two joints moving along x by a polynomial of the time in seconds, metres: [T, 2, 3]."""
    time = torch.arange(frames, dtype=torch.float64) / FPS
    x = sum(c * time**k for k, c in enumerate(coefficients))
    points = torch.zeros(frames, 2, 3, dtype=torch.float64)
    points[:, :, 0] = torch.as_tensor(x)[:, None]
    return points


def test_a_parabola_has_its_constant_acceleration_and_no_jitter() -> None:
    falling = polynomial(10, 1.0, -2.0, 9.81 / 2)
    assert acceleration(falling, FPS)[:, 0, 0].tolist() == pytest.approx([9.81] * 8, rel=1e-9)
    assert jitter(falling, FPS).item() == pytest.approx(0.0, abs=1e-6)
    still = polynomial(10, 0.0)
    assert acceleration_error(falling, still, FPS).item() == pytest.approx(9810.0, rel=1e-9)
    # One metre per second more is no acceleration.
    faster = polynomial(10, 1.0, -1.0, 9.81 / 2)
    assert acceleration_error(falling, faster, FPS).item() == pytest.approx(0.0, abs=1e-6)


def test_a_cubic_has_six_times_its_coefficient_as_jerk() -> None:
    assert jitter(polynomial(8, 0.0, 1.0, 0.0, 2.5), FPS).item() == pytest.approx(15.0, rel=1e-9)


def test_acceleration_error_by_hand_in_mm_per_frame_squared() -> None:
    target = torch.zeros(5, 2, 3)
    predicted = target.clone()
    predicted[2, 0] = torch.tensor([0.003, 0.004, 0.0])
    # Second differences of a spike: 1, -2, 1 at frames 1..3, times 5 mm, over two joints.
    error = acceleration_error(predicted, target, 1.0)
    assert error.item() == pytest.approx((5 + 10 + 5) / 2 / 3, rel=1e-5)


def test_a_missing_frame_spoils_its_neighbours() -> None:
    target = torch.zeros(2, 7, 1, 3)
    predicted = target.clone()
    predicted[:, 1, 0, 2] = 0.001
    predicted[:, 3] = math.nan
    valid = torch.ones(2, 7, dtype=torch.bool)
    valid[:, 3] = False
    valid[1] = torch.tensor([1, 1, 0, 1, 1, 0, 1]).bool()
    # Only frames 1 and 5 have whole neighbourhoods: 2 mm and 0 mm; the second person has none.
    error = acceleration_error(predicted, target, 1.0, valid)
    assert error[0].item() == pytest.approx(1.0) and math.isnan(error[1].item())


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.floats(1.0, 120.0))
def test_matches_numpy_gradients_of_a_plain_loop(seed: int, fps: float) -> None:
    rng = np.random.default_rng(seed)
    own, other = rng.normal(0, 1, (2, 3, 6, 4, 3))
    errors = np.zeros(3)
    jerks = np.zeros(3)
    for person in range(3):
        lengths = [
            np.linalg.norm(
                (own[person, t - 1, j] - 2 * own[person, t, j] + own[person, t + 1, j])
                - (other[person, t - 1, j] - 2 * other[person, t, j] + other[person, t + 1, j])
            )
            for t in range(1, 5)
            for j in range(4)
        ]
        errors[person] = 1000 * fps**2 * np.mean(lengths)
        p = own[person]
        jerks[person] = fps**3 * np.mean(
            [np.linalg.norm(p[t + 3, j] - 3 * p[t + 2, j] + 3 * p[t + 1, j] - p[t, j])
             for t in range(3) for j in range(4)]
        )  # fmt: skip
    predicted, target = torch.tensor(own), torch.tensor(other)
    assert acceleration_error(predicted, target, fps).numpy() == pytest.approx(errors, rel=1e-9)
    assert jitter(predicted, fps).numpy() == pytest.approx(jerks, rel=1e-9)
    # A constant velocity added to both or one changes nothing.
    drift = torch.arange(6.0, dtype=torch.float64)[:, None, None] * torch.tensor([1.0, -2.0, 0.5])
    assert acceleration_error(predicted + drift, target, fps).numpy() == pytest.approx(
        errors, rel=1e-9
    )


def test_too_short_sequences_are_named() -> None:
    with pytest.raises(ValueError, match=r"T >= 3, J, 3\], found \(2, 5, 3\)"):
        acceleration(torch.zeros(2, 5, 3), FPS)
    with pytest.raises(ValueError, match=r"T >= 4, J, 3\], found \(3, 5, 3\)"):
        jitter(torch.zeros(3, 5, 3), FPS)


def test_the_lag_of_a_delayed_copy_is_its_delay() -> None:
    times = torch.arange(90, dtype=torch.float64) / 30

    def path(late: float) -> torch.Tensor:
        t = times - late
        place = torch.stack([torch.sin(4 * t), torch.cos(3 * t), torch.sin(2.5 * t + 1)], dim=-1)
        return place[:, None].repeat(1, 4, 1)

    for late in (-0.05, 0.0, 0.02, 0.1):
        assert lag(path(late), path(0.0), 30.0).item() == pytest.approx(late, abs=3e-3)
    both = lag(torch.stack([path(0.1), path(0.0)]), torch.stack([path(0.0)] * 2), 30.0)
    assert both.tolist() == pytest.approx([0.1, 0.0], abs=3e-3)


def test_the_lag_of_a_causal_mean_is_half_its_length() -> None:
    """A mean over the last n frames delays everything by (n - 1) / 2 frames."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 5, 3, generator=rng, dtype=torch.float64).cumsum(0).cumsum(0)
    mean = noise.unfold(0, 5, 1).mean(-1)
    assert lag(mean, noise[4:], 30.0).item() == pytest.approx(2 / 30, abs=5e-3)
