"""The learner computes what the regressor computes."""

from __future__ import annotations

import pytest
import torch

from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor
from pear_core.train.learner import Learner


@pytest.fixture(scope="module", params=["patch", "blazepose"])
def learner(request: pytest.FixtureRequest) -> Learner:
    torch.manual_seed(0)
    small = preset(
        "vit_ti", depth=4, dim=48, heads=3, decoder_depth=1, decoder_dim=32, stem=request.param
    )
    learner = Learner(Regressor(small))
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return learner.eval()


def test_all_tokens_equal_the_regressor(learner: Learner) -> None:
    strip = torch.rand(2, 3, 256, 192)
    with torch.inference_mode():
        torch.testing.assert_close(
            learner(strip, None, False).raw, learner.regressor(strip), atol=1e-5, rtol=1e-5
        )


def test_kept_tokens_equal_the_backbone_with_kept_tokens(learner: Learner) -> None:
    strip = torch.rand(2, 3, 256, 192)
    kept = torch.stack([torch.randperm(192)[:50].sort().values for _ in range(2)])
    net = learner.regressor
    with torch.inference_mode():
        expected = net.heads(net.decoder(net.backbone((strip - net.mean) / net.std, kept)))
        torch.testing.assert_close(learner(strip, kept, False).raw, expected, atol=1e-5, rtol=1e-5)


def test_waiting_blocks_start_as_the_identity() -> None:
    torch.manual_seed(1)
    small = preset("vit_ti", depth=4, dim=48, heads=3, decoder_depth=1, decoder_dim=32)
    learner = Learner(Regressor(small)).eval()
    strip = torch.rand(1, 3, 256, 192)
    with torch.inference_mode():
        full, half = (learner(strip, None, False, half_depth=h).cells for h in (False, True))
    torch.testing.assert_close(full, half)
