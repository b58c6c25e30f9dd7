"""Similarity alignment: exact recovery, optimality against scipy, no reflections."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from pear_core.geometry.procrustes import align, similarity


@given(st.integers(0, 10_000), st.floats(0.1, 10.0))
def test_recovers_a_known_similarity(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    source = rng.normal(0, 1, (9, 3))
    turn = Rotation.random(random_state=seed)
    move = rng.normal(0, 3, 3)
    target = scale * turn.apply(source) + move
    s, r, t = similarity(torch.tensor(source), torch.tensor(target))
    assert abs(float(s) - scale) < 1e-9 * scale
    assert np.abs(r.numpy() - turn.as_matrix()).max() < 1e-9
    assert np.abs(t.numpy() - move).max() < 1e-8


def test_is_the_least_squares_optimum() -> None:
    rng = np.random.default_rng(3)
    source, target = rng.normal(0, 1, (12, 3)), rng.normal(0, 1, (12, 3))

    def cost(x: np.ndarray) -> float:
        moved = np.exp(x[0]) * Rotation.from_rotvec(x[1:4]).apply(source) + x[4:]
        return float(((moved - target) ** 2).sum())

    starts = np.random.default_rng(4).normal(0, 1.5, (12, 7))
    best = min(minimize(cost, x).fun for x in starts)
    actual = ((align(torch.tensor(source), torch.tensor(target)).numpy() - target) ** 2).sum()
    assert abs(actual - best) < 1e-4


def test_never_reflects() -> None:
    source = torch.randn(20, 10, 3, generator=torch.manual_seed(0)).double()
    mirrored = source * torch.tensor([-1.0, 1.0, 1.0]).double()
    _, rotation, _ = similarity(source, mirrored)
    assert (torch.linalg.det(rotation) - 1).abs().max() < 1e-9
    assert (align(source, mirrored) - mirrored).norm(dim=-1).mean() > 0.1


def test_identical_points_give_zero() -> None:
    points = torch.randn(4, 30, 3, generator=torch.manual_seed(1))
    assert (align(points, points) - points).abs().max() < 1e-5


def test_flat_and_coinciding_points_stay_finite() -> None:
    flat = torch.randn(10, 3, generator=torch.manual_seed(2)).double()
    flat[:, 2] = 0
    target = flat @ torch.tensor(Rotation.from_euler("x", 70, degrees=True).as_matrix()) + 1
    assert (align(flat, target) - target).abs().max() < 1e-9
    same = torch.ones(5, 3)
    assert torch.isfinite(align(same, torch.rand(5, 3))).all()
