"""Batches for training: drawn by step number alone, so that a resumed run sees what it would have
seen.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from pear_core.body.parameters import BodyParameters
from pear_core.data.augment import mirror, recolour, turned
from pear_core.data.records import Batch, RecordError
from pear_core.data.shards import Shards
from pear_core.losses.total import Target
from pear_core.model.stem import Features


@dataclass(frozen=True)
class TrainingBatch:
    """picture: strip [B, 3, 256, 192] in [0, 1] or what the stem says about it; surface
    [B, 64, 48, 5] bytes; target: everything else.
    """

    picture: Tensor | Features
    surface: Tensor
    target: Target

    @property
    def strip(self) -> Tensor:
        """The picture, where it is one."""
        if isinstance(self.picture, Features):
            raise RecordError("these records hold features, not pictures")
        return self.picture

    def __len__(self) -> int:
        return len(self.picture)

    def __getitem__(self, part: slice) -> TrainingBatch:
        plain = {f.name: getattr(self.target, f.name)[part] for f in fields(Target)}
        picture = _mapped(self.picture, lambda value: value[part])
        return TrainingBatch(picture, self.surface[part], Target(**plain))

    def to(self, device: str) -> TrainingBatch:
        """The same batch on another device."""
        labels = self.target
        plain = {f.name: getattr(labels, f.name) for f in fields(Target) if f.name != "parameters"}
        moved = {name: value.to(device) for name, value in plain.items()}
        parameters = labels.parameters.map(lambda value: value.to(device))
        picture = _mapped(self.picture, lambda value: value.to(device))
        return TrainingBatch(
            picture, self.surface.to(device), Target(parameters=parameters, **moved)
        )


def _mapped(picture: Tensor | Features, change: Callable[[Tensor], Tensor]) -> Tensor | Features:
    if isinstance(picture, Features):
        return Features(change(picture.fine), change(picture.coarse), change(picture.context))
    return change(picture)


def to_tensors(batch: Batch) -> TrainingBatch:
    """Tensors of a numpy batch; axis-angles become matrices."""

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(batch[name]))

    pose = batch["rotations"]
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().astype(np.float32)
    plain = {f.name: tensor(f.name) for f in fields(BodyParameters) if f.name != "rotations"}
    parameters = BodyParameters(
        rotations=torch.from_numpy(matrices.reshape(*pose.shape, 3)), **plain
    )
    names = ("camera", "joints", "keypoints", "confidence", "valid")
    target = Target(parameters, *(tensor(name) for name in names))
    picture: Tensor | Features
    if "image" in batch:
        picture = tensor("image").permute(0, 3, 1, 2).float() / 255
    else:
        picture = Features(*(tensor(name).float() for name in ("fine", "coarse", "context")))
    return TrainingBatch(picture, tensor("surface"), target)


def draw_batch(
    shards: Shards,
    seed: int,
    step: int,
    size: int,
    flip: float,
    expression_mirror: NDArray[np.int64],
    worker: int = 0,
) -> dict[str, NDArray[Any]]:
    """The batch of one step: random records; pictures turned and recoloured, mirrored all with
    probability flip (features were computed from such pictures).
    """
    rng = np.random.default_rng([seed, step, worker])
    batch = shards.batch(rng.integers(len(shards), size=size))
    if "image" not in batch:
        return batch
    return augmented(rng, batch, flip, expression_mirror)


def augmented(
    rng: np.random.Generator, batch: Batch, flip: float, expression_mirror: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Pictures with labels, turned and recoloured, mirrored all with probability flip."""
    if rng.random() < flip:
        batch = mirror(batch, expression_mirror)
    changed = turned(rng, batch)
    changed["image"] = recolour(rng, changed["image"])
    return changed


def prefetched(
    shards: Shards,
    seed: int,
    steps: range,
    size: int,
    flip: float,
    expression_mirror: NDArray[np.int64],
    worker: int = 0,
) -> Iterator[TrainingBatch]:
    """The batches of these steps, prepared by one thread ahead; an exception there is raised
    here.
    """
    ready: queue.Queue[TrainingBatch | BaseException] = queue.Queue(maxsize=2)
    stop = threading.Event()

    def work() -> None:
        try:
            for step in steps:
                item = to_tensors(
                    draw_batch(shards, seed, step, size, flip, expression_mirror, worker)
                )
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=0.5)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
        except BaseException as error:  # handed to the training thread
            ready.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for _ in steps:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
