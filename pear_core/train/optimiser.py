"""Optimisers, learning-rate schedule and the moving average of the weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from pear_core.train.config import TrainConfig
from pear_core.train.learner import Learner


def rate_at(config: TrainConfig, step: int, progress: float) -> float:
    """Factor on the peak rate: linear warm-up over steps, cosine to final_rate over progress 0 to
    1.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    warm = min((step + 1) / max(config.warmup, 1), 1.0)
    return warm * (config.final_rate + (1 - config.final_rate) * cosine)


class Optimisers:
    """AdamW, and Muon for the matrices inside transformer blocks where it is asked for.

    Vectors (biases, norms, positions) are not decayed. The encoder of a pretrained stem, where it
    learns, has a rate of its own.
    """

    def __init__(self, learner: Learner, config: TrainConfig) -> None:
        self.config = config
        matrices, decayed, plain, stem = [], [], [], []
        for name, parameter in learner.named_parameters():
            if ".patches.encoder." in name:
                stem += [parameter] * parameter.requires_grad
                continue
            inside = ".blocks." in name or ".layers." in name
            if parameter.ndim == 2 and inside and config.muon > 0:
                matrices.append(parameter)
            elif parameter.ndim >= 2 and "position" not in name:
                decayed.append(parameter)
            else:
                plain.append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        if stem:
            groups.append({"params": stem, "weight_decay": 0.0, "share": config.stem_rate})
        self.members: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98), fused=True), config.rate)
        ]
        if matrices:
            muon = torch.optim.Muon(
                matrices, lr=config.muon, weight_decay=config.weight_decay,
                adjust_lr_fn="match_rms_adamw",
                ns_steps=3,  # a third of a step goes here at small batches
            )  # fmt: skip
            self.members.append((muon, config.muon))

    def step(self, step: int, progress: float) -> None:
        """One update at the rate of this step; clears the gradients."""
        for optimiser, peak in self.members:
            for group in optimiser.param_groups:
                group["lr"] = peak * group.get("share", 1.0) * rate_at(self.config, step, progress)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state(self) -> list[dict[str, object]]:
        return [optimiser.state_dict() for optimiser, _ in self.members]

    def load(self, states: list[dict[str, object]]) -> None:
        for (optimiser, _), state in zip(self.members, states, strict=True):
            optimiser.load_state_dict(state)


class Average:
    """Exponential moving average of a module's parameters."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow: dict[str, Tensor] = {
            k: v.detach().clone() for k, v in module.state_dict().items()
        }

    def update(self, module: nn.Module, step: int) -> None:
        """Early steps forget faster, so that the start is not remembered."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in module.state_dict().items():
                if value.is_floating_point():
                    self.shadow[name].lerp_(value, 1 - decay)
                else:
                    self.shadow[name].copy_(value)
