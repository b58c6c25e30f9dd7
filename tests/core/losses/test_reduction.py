"""Weighted means by hand."""

from __future__ import annotations

import pytest
import torch

from pear_core.losses.reduction import weighted_mean


def test_weights_of_people_apply_to_all_their_values() -> None:
    values = torch.tensor([[1.0, 3.0], [10.0, 20.0]])
    assert float(weighted_mean(values, torch.tensor([1.0, 0.0]))) == pytest.approx(2.0)
    assert float(weighted_mean(values, torch.tensor([3.0, 1.0]))) == pytest.approx((3 * 4 + 30) / 8)


def test_weights_per_value() -> None:
    values, weights = torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 3.0]])
    assert float(weighted_mean(values, weights)) == pytest.approx(2.5)


def test_nothing_valid_is_zero_with_zero_gradient() -> None:
    values = torch.ones(2, 3, requires_grad=True)
    loss = weighted_mean(values, torch.zeros(2))
    loss.backward()
    assert float(loss.detach()) == 0.0 and values.grad is not None and not values.grad.any()
