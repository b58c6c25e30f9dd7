"""Fading backgrounds: exact at both ends, the person never touched."""

from __future__ import annotations

import torch

from pear_core.train.curriculum import plainer


def test_ends_and_middle() -> None:
    strip = torch.rand(4, 3, 256, 192, generator=torch.Generator().manual_seed(0))
    kind = torch.zeros(4, 64, 48)
    kind[:, 10:20, 10:20] = 2
    person = (slice(None), slice(None), slice(40, 80), slice(40, 80))

    def at(progress: float) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        return plainer(strip, kind, progress, (0.2, 0.6), generator)

    for progress in (0.0, 0.3, 0.5):
        assert torch.equal(at(progress)[person], strip[person])
    flat = at(0.1)
    assert float(flat[:, :, :40].flatten(2).std(dim=2).max()) < 1e-6
    assert torch.equal(at(0.6), strip)
    middle = at(0.4)
    assert not torch.equal(middle, strip) and float(middle[:, :, :40].std()) > 0.05
