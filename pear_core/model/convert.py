"""Checkpoint files of others into ours, and ours back into the published form."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pear_core.model import checkpoint
from pear_core.model.foreign import STATE, ForeignError, start_from_foreign
from pear_core.model.presets import preset
from pear_core.model.published import (
    Kept,
    KeyReport,
    PublishedError,
    from_published,
    key_names,
    to_published,
)
from pear_core.model.regressor import Regressor
from pear_core.unreadable import UNREADABLE

RECORD = "published"
"""Key in a checkpoint's `extra` under which a conversion keeps what its weights cannot hold."""


def convert(
    source: str | Path,
    target: str | Path,
    *,
    heads: int | None = None,
    decoder_heads: int | None = None,
    mean_parameters: str | Path | None = None,
    ignore: Collection[str] = (),
    model: str | None = None,
) -> KeyReport:
    """A published, ViTPose or HMR2 file of torch.save as one of our safetensors files.

    heads, decoder_heads, ignore: see `from_published`. mean_parameters: smpl_mean_params.npz, for a
    file without `init_body_pose`. model: preset that a ViTPose or HMR2 backbone starts (seed 0 for
    the rest); needed there, refused else. Weights stay mapped, so one copy of them is never held.
    Raises CheckpointError, PublishedError, ForeignError, ConfigError; then nothing is written.
    """
    content = checkpoint.read_torch(source)
    try:
        if STATE in content:
            return _start(source, target, content, model)
        if model is not None:
            raise PublishedError("a published checkpoint tells its own sizes, expected no model")
        mean_pose = None if mean_parameters is None else mean_pose_of(mean_parameters)
        converted = from_published(
            content, heads=heads, decoder_heads=decoder_heads, mean_pose=mean_pose, ignore=ignore
        )
    except (PublishedError, ForeignError) as error:
        raise type(error)(f"{source}: {error}") from None
    checkpoint.save(target, converted.regressor(), extra={RECORD: converted.kept.to_dict()})
    return converted.report


def convert_back(source: str | Path, target: str | Path) -> KeyReport:
    """One of our safetensors files as a published file of torch.save; keys are the published ones.

    Raises CheckpointError and PublishedError; then nothing is written.
    """
    regressor, info = checkpoint.load(source)
    record = info.extra.get(RECORD)
    try:
        kept = Kept({}, [], []) if record is None else Kept.from_dict(record)
        content = to_published(regressor.state_dict(), info.config, kept)
    except PublishedError as error:
        raise PublishedError(f"{source}: {error}") from None
    checkpoint.write_torch(target, content)
    used = {*key_names(info.config).values(), *(f"head.{name}" for name in kept.buffers)}
    written = {f"{part}.{key}" for part, tensors in content.items() for key in tensors}
    zeros = dict.fromkeys(sorted(written - used), "not in this checkpoint, written as zeros")
    return KeyReport(tuple(sorted(used)), {}, zeros)


def mean_pose_of(path: str | Path) -> Tensor:
    """`init_body_pose` [1, 318] as the published code builds it from smpl_mean_params.npz.

    Its 144 numbers as stored, then identities in the same (SPIN) order. Raises PublishedError.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            pose = np.asarray(file["pose"])
    except UNREADABLE as error:
        raise PublishedError(f"{path}: expected an npz with key 'pose' ({error})") from None
    if pose.shape != (144,) or pose.dtype.kind != "f" or not np.isfinite(pose).all():
        raise PublishedError(
            f"{path}: key 'pose': expected 144 finite floats, found {pose.shape} {pose.dtype}"
        )
    numbers = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).repeat(53)
    numbers[:144] = torch.from_numpy(pose.astype(np.float32))
    return numbers[None]


def _start(
    source: str | Path, target: str | Path, content: dict[str, object], model: str | None
) -> KeyReport:
    if model is None:
        raise ForeignError("a start for training; say which model it shall start")
    config = preset(model)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        regressor = Regressor(config)
    report = start_from_foreign(regressor, content)
    checkpoint.save(target, regressor, extra={"start": Path(source).name})
    return report
