"""LVE by hand, and what the alignment of the heads may and may not forgive."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.evaluate.lips import head_aligned, lip_errors, lve

LIPS = torch.tensor([2, 3, 3, 7])


def head(seed: int, frames: int = 2) -> torch.Tensor:
    return torch.randn(frames, 40, 3, generator=torch.manual_seed(seed), dtype=torch.float64)


def test_the_worst_lip_vertex_of_each_frame_squared_by_hand() -> None:
    target = head(0)
    predicted = target.clone()
    predicted[0, 2, 0] += 0.003
    predicted[0, 7] += torch.tensor([0.0, 0.003, 0.004])
    predicted[1, 3, 2] -= 0.001
    # Not a lip.
    predicted[:, 5] += 1.0
    errors = lip_errors(predicted, target, LIPS)
    assert errors.squared_m2.tolist() == pytest.approx([25e-6, 1e-6])
    assert errors.distance_mm.tolist() == pytest.approx([5.0, 1.0])
    assert errors.means() == {"lve_m2": pytest.approx(13e-6), "lve_mm": pytest.approx(3.0)}


def test_the_published_size_is_square_metres() -> None:
    """Facts 9.3: 1.22e-5 m^2 is 3.5 mm."""
    target = head(1, 1)
    shift = torch.tensor([math.sqrt(1.22e-5), 0, 0])
    errors = lip_errors(target + shift, target, LIPS)
    assert errors.means()["lve_m2"] == pytest.approx(1.22e-5)
    assert errors.means()["lve_mm"] == pytest.approx(3.4928, abs=1e-4)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6))
def test_place_and_turn_of_the_head_do_not_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = torch.tensor(rng.normal(0, 0.1, (3, 40, 3)))
    predicted = target + torch.tensor(rng.normal(0, 0.002, (3, 40, 3)))
    turn = torch.tensor(Rotation.random(3, random_state=seed).as_matrix())
    moved = predicted @ turn.transpose(1, 2) + torch.tensor(rng.normal(0, 2, (3, 1, 3)))
    assert lve(moved, target, LIPS).squared_m2.numpy() == pytest.approx(
        lve(predicted, target, LIPS).squared_m2.numpy(), rel=1e-6
    )


def test_the_alignment_is_kabsch_and_keeps_the_size() -> None:
    target, predicted = head(2, 1), head(3, 1)
    fit, _ = Rotation.align_vectors(
        (target[0] - target[0].mean(0)).numpy(), (predicted[0] - predicted[0].mean(0)).numpy()
    )
    expected = fit.apply((predicted[0] - predicted[0].mean(0)).numpy()) + target[0].mean(0).numpy()
    assert np.abs(head_aligned(predicted, target)[0].numpy() - expected).max() < 1e-9
    # A head of double size stays so: its lips are wrong by their distance from the centre.
    away = (target[0, LIPS] - target[0].mean(0)).norm(dim=1).max()
    errors = lve(2 * target, target, LIPS)
    assert errors.squared_m2.item() == pytest.approx(float(away) ** 2, rel=1e-9)


def test_a_mirrored_head_is_not_laid_onto_the_true_one() -> None:
    target = head(4, 1)
    assert lve(target * torch.tensor([-1.0, 1.0, 1.0]), target, LIPS).squared_m2.item() > 0.1
