"""Schedule, grouping and moving average against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor
from pear_core.model.stem import PretrainedStem
from pear_core.train.config import from_mapping
from pear_core.train.learner import Learner
from pear_core.train.optimiser import Average, Optimisers, rate_at


def test_rate_by_hand() -> None:
    config = from_mapping({"warmup": 10, "final_rate": 0.1})
    assert rate_at(config, 0, 0.0) == pytest.approx(0.1)
    assert rate_at(config, 9, 0.0) == pytest.approx(1.0)
    assert rate_at(config, 50, 0.5) == pytest.approx(0.55)
    assert rate_at(config, 50, 0.25) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert rate_at(config, 110, 1.2) == pytest.approx(0.1)


@pytest.mark.parametrize("muon", [0.0, 1e-3])
def test_every_parameter_is_in_exactly_one_group(muon: float) -> None:
    small = preset("vit_ti", depth=2, dim=48, heads=3, decoder_depth=1, decoder_dim=32)
    learner = Learner(Regressor(small))
    optimisers = Optimisers(learner, from_mapping({"muon": muon}))
    grouped = [id(p) for o, _ in optimisers.members for g in o.param_groups for p in g["params"]]
    assert sorted(grouped) == sorted(id(p) for p in learner.parameters() if p.requires_grad)
    assert len(optimisers.members) == (2 if muon else 1)
    undecayed = optimisers.members[0][0].param_groups[1]
    assert undecayed["weight_decay"] == 0
    assert any(p is learner.regressor.backbone.positions for p in undecayed["params"])


def test_a_learning_stem_has_a_rate_of_its_own() -> None:
    small = preset("vit_ti", depth=2, dim=48, heads=3, decoder_depth=1, decoder_dim=32)
    learner = Learner(Regressor(small))
    stem = learner.regressor.backbone.patches
    assert isinstance(stem, PretrainedStem)
    stem.learn_from(13)
    config = from_mapping({"muon": 0.0, "rate": 1e-3, "stem_rate": 0.25, "warmup": 1})
    optimisers = Optimisers(learner, config)
    group = optimisers.members[0][0].param_groups[2]
    learning = [p for p in stem.encoder.parameters() if p.requires_grad]
    assert [id(p) for p in group["params"]] == [id(p) for p in learning]
    optimisers.step(10, 0.0)
    assert group["lr"] == pytest.approx(0.25e-3)
    assert optimisers.members[0][0].param_groups[0]["lr"] == pytest.approx(1e-3)


def test_average_by_hand() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    average = Average(module, decay=0.5)
    nn.init.constant_(module.weight, 3.0)
    average.update(module, step=1000)
    assert float(average.shadow["weight"]) == pytest.approx(2.0)
    nn.init.constant_(module.weight, 13.0)
    average.update(module, step=1)  # early: decay (1 + 1) / (10 + 1)
    assert float(average.shadow["weight"]) == pytest.approx(2 * 2 / 11 + 13 * 9 / 11)
    assert torch.equal(module.weight, torch.tensor([[13.0]]))
