"""Weights on disk: one safetensors file that knows what it is.

The header's metadata holds one JSON record (config, body, step, layout), so a file of the wrong
kind is refused before any weight is read. Optimiser state belongs to training, not here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from pear_core import layout
from pear_core.model.presets import ConfigError, ModelConfig, config_from_dict
from pear_core.model.regressor import Regressor

FORMAT = "pear-checkpoint-1"


class CheckpointError(ValueError):
    """A file that is not a checkpoint of ours, or not one for this network."""


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself.

    body, body_sha256: the body model whose parameters the network was trained to predict (empty:
    unknown). extra: free JSON values (data, seeds, numbers).
    """

    config: ModelConfig
    step: int = 0
    body: str = ""
    body_sha256: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def save(
    path: str | Path,
    model: Regressor,
    *,
    step: int = 0,
    body: str = "",
    body_sha256: str = "",
    extra: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> CheckpointInfo:
    """Write model.safetensors atomically.

    dtype: storage type; torch.float16 is what ships (half the size, and exactly the weights that
    the exported graphs hold). weights: a state dict to store instead of the model's own (an
    average).
    """
    path = Path(path)
    info = CheckpointInfo(model.config, step, body, body_sha256, dict(extra or {}))
    state = {
        name: value.detach()
        .to("cpu", dtype if dtype and value.is_floating_point() else value.dtype)
        .contiguous()
        for name, value in (model.state_dict() if weights is None else weights).items()
    }
    _check_tensors({n: tuple(v.shape) for n, v in state.items()}, model, path)
    not_finite = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if not_finite:
        raise CheckpointError(f"{path}: not finite as {dtype or 'stored'}: {not_finite[:3]}")
    record = {
        "format": FORMAT,
        "config": info.config.to_dict(),
        "step": info.step,
        "body": info.body,
        "body_sha256": info.body_sha256,
        "layout": layout.fingerprint(),
        "extra": info.extra,
    }
    part = path.with_name(path.name + ".part")
    save_file(state, part, metadata={"pear": json.dumps(record, sort_keys=True)})
    # safetensors writes for the owner only; a model is for everybody the folder is for.
    part.chmod(0o666 & ~_umask())
    os.replace(part, path)
    return info


def read_info(path: str | Path) -> CheckpointInfo:
    """The record of a checkpoint without its weights. Raises CheckpointError."""
    with _open(path) as file:
        return _info(file.metadata(), path)


def load(path: str | Path, device: str | torch.device = "cpu") -> tuple[Regressor, CheckpointInfo]:
    """The regressor in evaluation mode, float32, with every key and shape checked.

    Raises CheckpointError: unreadable, another kind of file, another output layout, or weights that
    do not fit the recorded config.
    """
    with _open(path) as file:
        info = _info(file.metadata(), path)
        with torch.device("meta"):
            model = Regressor(info.config)
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        _check_tensors(shapes, model, path)
        state = {name: file.get_tensor(name).to(device) for name in shapes}
    # Built again on the device: buffers that no checkpoint holds need their values.
    model = Regressor(info.config).to(device)
    model.load_state_dict(state)
    return model.eval(), info


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _open(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        return safetensors.safe_open(str(path), framework="pt")
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: not a complete safetensors file ({error})") from None


def _info(metadata: Mapping[str, str] | None, path: str | Path) -> CheckpointInfo:
    try:
        record = json.loads((metadata or {})["pear"])
        if record["format"] != FORMAT:
            raise CheckpointError(f"{path}: expected format {FORMAT}, found {record['format']!r}")
        if record["layout"] != layout.fingerprint():
            raise CheckpointError(
                f"{path}: written for another output layout, expected {layout.fingerprint()[:12]}, "
                f"found {str(record['layout'])[:12]}"
            )
        return CheckpointInfo(
            config_from_dict(record["config"]),
            int(record["step"]),
            str(record["body"]),
            str(record["body_sha256"]),
            dict(record["extra"]),
        )
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (KeyError, TypeError, json.JSONDecodeError):
        raise CheckpointError(
            f"{path}: safetensors, but not a pear checkpoint (no {FORMAT} record)"
        ) from None


def _check_tensors(
    found: Mapping[str, tuple[int, ...]], model: Regressor, path: str | Path
) -> None:
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    missing = sorted(set(expected) - set(found))
    unexpected = sorted(set(found) - set(expected))
    shapes = [
        f"{n} expected {expected[n]} found {found[n]}"
        for n in sorted(expected)
        if n in found and expected[n] != found[n]
    ]
    faults = [
        f"{len(items)} {what}: {', '.join(items[:3])}{', ...' if len(items) > 3 else ''}"
        for what, items in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", shapes),
        )
        if items
    ]
    if faults:
        raise CheckpointError(
            f"{path}: weights do not fit {model.config.name}: {'; '.join(faults)}"
        )
