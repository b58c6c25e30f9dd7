"""Bytes of the dense target and back."""

from __future__ import annotations

import numpy as np
import torch

from pear_core.data import surface


def test_round_trip_within_half_a_step() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(surface.LOW, surface.HIGH, (6, 5, 4)).astype(np.float32)
    kind = np.full((6, 5), surface.BODY, np.uint8)
    kind[0] = surface.WORN
    cells = surface.encode(kind, values[..., :3], values[..., 3])
    found, decoded = surface.decode(torch.from_numpy(cells))
    assert (found.numpy() == kind).all() and (cells[0, :, 1:] == 0).all()
    metres = (decoded.numpy() + 1) / 2 * (surface.HIGH - surface.LOW) + surface.LOW
    step = (surface.HIGH - surface.LOW) / 255
    assert (np.abs(metres - values)[1:] <= step / 2 + 1e-5).all()
