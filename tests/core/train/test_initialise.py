"""The start of the backbone: whitened patches, positions that know their neighbours."""

from __future__ import annotations

import torch

from pear_core.model.vit import TOKENS
from pear_core.train.initialise import PATCH_SIZE, set_positions, whitened


def test_whitened_channels_are_uncorrelated_and_of_equal_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(20, 20, generator=generator)
    patches = torch.randn(5000, 20, generator=generator) @ mixing + 3.0
    weight, bias = whitened(patches, 6)
    out = patches @ weight.T + bias
    covariance = out.T @ out / len(out) / PATCH_SIZE**2
    assert out.mean(dim=0).abs().max() < 1e-3
    # The ridge damps weak components a little below one.
    diagonal = covariance.diagonal()
    assert ((diagonal > 0.9) & (diagonal < 1.01)).all()
    assert (covariance - torch.diag(diagonal)).abs().max() < 1e-3


def test_positions_are_most_alike_next_door() -> None:
    positions = torch.randn(1, TOKENS + 1, 192)
    set_positions(positions)
    assert not positions[0, 0].any()
    table = positions[0, 1:]
    alike = table @ table.T
    here = 5 * 12 + 6
    order = alike[here].argsort(descending=True)
    assert order[0] == here
    assert set(order[1:5].tolist()) == {here - 1, here + 1, here - 12, here + 12}
