"""Checkpoints of a running training: everything a resumed run needs, complete or absent."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pear_core.model import checkpoint
from pear_core.train.config import TrainConfig
from pear_core.train.learner import Learner
from pear_core.train.optimiser import Average, Optimisers

FORMAT = "pear-training-1"


class ResumeError(ValueError):
    """A training state that does not belong to this run."""


@dataclass
class Run:
    """A training in memory. step: updates done; seconds: time spent on them; progress: 0 to 1."""

    learner: Learner
    optimisers: Optimisers
    average: Average
    step: int = 0
    seconds: float = 0.0
    progress: float = 0.0

    def averaged_weights(self) -> dict[str, Tensor]:
        """Moving average of the regressor's own weights, without what only training needs."""
        prefix = "regressor."
        return {
            k.removeprefix(prefix): v
            for k, v in self.average.shadow.items()
            if k.startswith(prefix)
        }


def save_state(path: Path, run: Run, config: TrainConfig) -> None:
    """Writes the state atomically."""
    state = {
        "format": FORMAT,
        "model": config.model,
        "step": run.step,
        "seconds": run.seconds,
        "progress": run.progress,
        "learner": run.learner.state_dict(),
        "optimisers": run.optimisers.state(),
        "average": run.average.shadow,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(state, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_state(path: Path, run: Run, config: TrainConfig) -> None:
    """Continues `run` from a state. Batches and token choices depend on the step alone, so nothing
    is lost.

    Raises ResumeError for another model or format.
    """
    state: dict[str, Any] = torch.load(path, map_location=config.device, weights_only=True)
    for key, expected in (("format", FORMAT), ("model", config.model)):
        if state.get(key) != expected:
            raise ResumeError(f"{path}: {key}: expected {expected!r}, found {state.get(key)!r}")
    run.learner.load_state_dict(state["learner"])
    run.optimisers.load(state["optimisers"])
    run.average.shadow = state["average"]
    run.step = int(state["step"])
    run.seconds, run.progress = float(state["seconds"]), float(state["progress"])


def start_from(path: Path, run: Run) -> None:
    """Averaged weights of another training (state.pt) or of a checkpoint (.safetensors) as the start.

    Nothing else is taken over; what the file lacks starts fresh.
    """
    if path.suffix == ".safetensors":
        regressor, _ = checkpoint.load(path)
        run.learner.regressor.load_state_dict(regressor.state_dict())
    else:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state.get("format") != FORMAT:
            raise ResumeError(f"{path}: format: expected {FORMAT!r}, found {state.get('format')!r}")
        run.learner.load_state_dict(state["average"], strict=False)
    run.average = Average(run.learner, run.average.decay)
