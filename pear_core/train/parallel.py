"""Data-parallel workers of one machine.

Each trains on its own batches and their weights are averaged every few steps ("local SGD"): on a
shared CPU single-threaded processes that rarely wait for each other do nearly twice the work of
threads that meet at every operator.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn


def rank() -> int:
    """Number of this worker, 0 alone or first."""
    return dist.get_rank() if dist.is_initialized() else 0


def workers() -> int:
    """How many workers take part."""
    return dist.get_world_size() if dist.is_initialized() else 1


def average_parameters(module: nn.Module) -> None:
    """Replaces every parameter and running statistic by its mean over the workers (which then
    train on from the same place).
    """
    if workers() == 1:
        return
    parameters = [v for v in module.state_dict().values() if v.is_floating_point()]
    with torch.no_grad():
        flat = torch.cat([p.flatten() for p in parameters])
        dist.all_reduce(flat)
        flat /= workers()
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.copy_(flat[start:end].view_as(parameter))
            start = end


def mean(value: float) -> float:
    """The same number for all workers: the mean of theirs."""
    if workers() == 1:
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    dist.all_reduce(shared)
    return float(shared) / workers()


def launch(count: int, function: Callable[..., Any], *arguments: Any) -> None:
    """Runs function(*arguments) in `count` processes that can average weights; in this one if it
    is 1.
    """
    if count == 1:
        function(*arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = (Path(folder) / "store").as_uri()
        spawn(_worker, args=(count, store, function, arguments), nprocs=count)


def _worker(
    number: int, count: int, store: str, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    dist.init_process_group("gloo", init_method=store, rank=number, world_size=count)
    try:
        function(*arguments)
    finally:
        dist.destroy_process_group()


def _end_with_parent() -> None:
    """Ends this process once its parent is gone: nobody would wait for its work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
