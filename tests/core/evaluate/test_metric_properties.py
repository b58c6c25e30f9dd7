"""What Procrustes errors must satisfy for any points, and scipy's own Procrustes analysis."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from pear_core.evaluate.metrics import mpjpe, pa_error
from pear_core.geometry.procrustes import align, similarity

SEEDS = st.integers(0, 10**6)


def pair(seed: int, points: int = 14) -> tuple[torch.Tensor, torch.Tensor]:
    """A target and a noisy prediction of three people."""
    rng = np.random.default_rng(seed)
    target = rng.normal(0, 0.5, (3, points, 3))
    return torch.tensor(target + rng.normal(0, 0.1, target.shape)), torch.tensor(target)


def moved(points: torch.Tensor, seed: int, scale: float) -> torch.Tensor:
    turn = torch.tensor(Rotation.random(len(points), random_state=seed).as_matrix())
    shift = torch.tensor(np.random.default_rng(seed).normal(0, 5, (len(points), 1, 3)))
    return scale * points @ turn.transpose(1, 2) + shift


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.floats(0.05, 20.0))
def test_pa_error_forgets_any_similarity_of_the_prediction(seed: int, scale: float) -> None:
    predicted, target = pair(seed)
    before = pa_error(predicted, target)
    assert torch.allclose(pa_error(moved(predicted, seed, scale), target), before, rtol=1e-7)
    # A similarity of the target scales the error, since the error is measured there.
    after = pa_error(predicted, moved(target, seed, scale))
    assert torch.allclose(after, scale * before, rtol=1e-7)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_the_alignment_never_reflects_and_squared_error_never_grows(seed: int) -> None:
    predicted, target = pair(seed)
    mirrored = predicted * torch.tensor([1.0, 1.0, -1.0])
    for source in (predicted, mirrored):
        _, rotation, _ = similarity(source, target)
        assert torch.allclose(torch.linalg.det(rotation), torch.ones(3).double(), atol=1e-9)
        aligned = (align(source, target) - target).square().sum(dim=(1, 2))
        assert (aligned <= (source - target).square().sum(dim=(1, 2)) + 1e-12).all()


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_pa_residual_is_the_disparity_of_scipy(seed: int) -> None:
    """scipy normalises both sets and allows reflections, which these clouds do not want."""
    predicted, target = pair(seed)
    aligned = align(predicted, target)
    for own, before, truth in zip(aligned.numpy(), predicted.numpy(), target.numpy(), strict=True):
        size = ((truth - truth.mean(0)) ** 2).sum()
        _, _, disparity = procrustes(truth, before)
        assert ((own - truth) ** 2).sum() / size == pytest.approx(disparity, rel=1e-8)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.permutations(range(14)))
def test_the_order_of_the_points_does_not_matter(seed: int, order: list[int]) -> None:
    predicted, target = pair(seed)
    shuffled = predicted[:, order], target[:, order]
    assert torch.allclose(pa_error(*shuffled), pa_error(predicted, target), rtol=1e-9)
    root = (order.index(0),)
    assert torch.allclose(mpjpe(*shuffled, root), mpjpe(predicted, target, (0,)), rtol=1e-9)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_mpjpe_forgets_places_but_not_turns(seed: int) -> None:
    predicted, target = pair(seed)
    shift = torch.tensor(np.random.default_rng(seed).normal(0, 5, (3, 1, 3)))
    before = mpjpe(predicted, target, (2, 3))
    assert torch.allclose(mpjpe(predicted + shift, target - shift, (2, 3)), before, rtol=1e-9)
    # Turning both alike changes nothing; people are judged one by one.
    both = [moved(points, seed, 1.0) for points in (predicted, target)]
    assert torch.allclose(mpjpe(*both, (2, 3)), before, rtol=1e-9)
    alone = [mpjpe(predicted[i : i + 1], target[i : i + 1], (2, 3)) for i in range(3)]
    assert torch.allclose(torch.cat(alone), before, rtol=1e-12)
