"""Two workers: averaged weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pear_core.train import parallel


def _average(folder: str) -> None:
    torch.set_num_threads(1)
    module = nn.Linear(3, 2)
    with torch.no_grad():
        for k, parameter in enumerate(module.parameters()):
            parameter.fill_(10.0 * k + 4.0 * parallel.rank())
    parallel.average_parameters(module)
    values = np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])
    np.save(f"{folder}/{parallel.rank()}.npy", values)


def test_workers_end_with_the_mean(tmp_path: Path) -> None:
    parallel.launch(2, _average, str(tmp_path))
    for rank in (0, 1):
        assert np.load(tmp_path / f"{rank}.npy").tolist() == [2.0] * 6 + [12.0] * 2


def test_one_worker_runs_here_and_changes_nothing(tmp_path: Path) -> None:
    parallel.launch(1, _average, str(tmp_path))
    assert np.load(tmp_path / "0.npy").tolist() == [0.0] * 6 + [10.0] * 2
    assert parallel.rank() == 0 and parallel.workers() == 1
