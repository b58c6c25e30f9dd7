"""Two workers: averaged weights."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
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


_LONG_WORK = """
import os, sys, time
from pathlib import Path
from pear_core.train import parallel

def work(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    parallel.launch(2, work, sys.argv[1])
"""


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who is alive")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script, folder = tmp_path / "long_work.py", tmp_path / "at_work"
    script.write_text(_LONG_WORK)
    folder.mkdir()
    root = str(Path(__file__).parents[3])
    parent = subprocess.Popen(
        [sys.executable, str(script), str(folder)], env=os.environ | {"PYTHONPATH": root}
    )
    try:
        until = time.monotonic() + 300
        while len(list(folder.iterdir())) < 2 and time.monotonic() < until:
            assert parent.poll() is None
            time.sleep(0.05)
    finally:
        parent.kill()  # no chance to tell anybody
        parent.wait()
    workers = [int(p.name) for p in folder.iterdir()]
    assert len(workers) == 2
    until = time.monotonic() + 60
    while any(map(_alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_alive, workers))
