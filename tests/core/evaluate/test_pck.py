"""PCK: hand-computed fractions, a plain loop, and the properties a count must have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.evaluate.pck import PckCounts, box_units, count_correct, pck


def test_pck_by_hand() -> None:
    target = torch.zeros(4, 3, 2)
    predicted = torch.zeros(4, 3, 2)
    # Joint 0: 4 and 6 of 100 pixels, the others do not count: 1/2. Joint 1: one of 5 px: 3/4.
    predicted[:, 0, 0] = torch.tensor([4.0, 6.0, 1.0, 1.0])
    predicted[3, 1, 1] = 5.0
    confidence = torch.ones(4, 3)
    confidence[2:, 0] = 0.5
    # Joint 2 never counts and is left out of the mean.
    confidence[:, 2] = 0.0
    size = torch.full((4,), 100.0)
    assert pck(predicted, target, confidence, size) == pytest.approx((0.5 + 0.75) / 2)
    assert pck(predicted, target, confidence, 2 * size) == pytest.approx(1.0)
    assert math.isnan(pck(predicted, target, 0 * confidence, size))


def test_per_joint_first_then_over_joints() -> None:
    """A joint labelled once weighs as much as one labelled three times: 1/2, not 3/4."""
    predicted = torch.zeros(3, 2, 2)
    predicted[0, 1] = 1.0
    confidence = torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    counts = count_correct(predicted, torch.zeros(3, 2, 2), confidence, torch.ones(3))
    assert counts.counted.tolist() == [3, 1]
    assert counts.means() == {0.05: 0.5, 0.1: 0.5}


def test_box_units_are_fractions_of_the_box_not_of_the_crop() -> None:
    """A crop 1.25 times the box: 0.045 of the crop is 0.05625 of the box, too far for 0.05."""
    points = torch.full((1, 1, 2), 0.5)
    predicted = points + torch.tensor([0.045, 0.0])
    crop, box = torch.tensor([250.0]), torch.tensor([200.0])
    own, other = (box_units(p, crop, box) for p in (predicted, points))
    assert other[0, 0].tolist() == [0.625, 0.625]
    ones = torch.ones(1, 1)
    assert count_correct(own, other, ones, torch.ones(1)).means() == {0.05: 0.0, 0.1: 1.0}
    assert count_correct(predicted, points, ones, torch.ones(1)).means()[0.05] == 1.0


def random_people(seed: int, people: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.uniform(0, 1, (people, 5, 2))
    predicted = target + rng.normal(0, 0.05, target.shape)
    return [predicted, target, rng.uniform(0, 1, (people, 5)), rng.uniform(0.5, 2, people)]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_matches_a_plain_loop_and_adds_up_over_batches(seed: int, people: int) -> None:
    predicted, target, confidence, size = random_people(seed, people)
    fractions = []
    for joint in range(5):
        hits = [
            math.hypot(*(predicted[i, joint] - target[i, joint])) / size[i] < 0.05
            for i in range(people)
            if confidence[i, joint] > 0.5
        ]
        if hits:
            fractions.append(sum(hits) / len(hits))
    tensors = [torch.tensor(a) for a in (predicted, target, confidence, size)]
    whole = count_correct(*tensors)
    cut = seed % (people + 1)
    summed = count_correct(*(t[:cut] for t in tensors)) + count_correct(*(t[cut:] for t in tensors))
    assert torch.equal(summed.correct, whole.correct)
    assert torch.equal(summed.counted, whole.counted)
    if fractions:
        assert whole.means()[0.05] == pytest.approx(sum(fractions) / len(fractions), rel=1e-12)
        assert whole.means()[0.05] <= whole.means()[0.1]
    else:
        assert math.isnan(whole.means()[0.05])


def test_points_that_are_not_finite_are_not_correct() -> None:
    predicted = torch.full((1, 2, 2), math.nan)
    predicted[0, 1] = 0.0
    counts = count_correct(predicted, torch.zeros(1, 2, 2), torch.ones(1, 2), torch.ones(1))
    assert counts.per_joint()[0].tolist() == [0.0, 1.0]


def test_counts_of_other_thresholds_do_not_add() -> None:
    one = PckCounts((0.05,), torch.zeros(1, 2), torch.ones(2))
    with pytest.raises(ValueError, match=r"expected \(0.05,\), found \(0.1,\)"):
        _ = one + PckCounts((0.1,), torch.zeros(1, 2), torch.ones(2))
