"""Weights on disk: one safetensors file that knows what it is.

The header's metadata holds one JSON record (config, body, step, layout), so a file of the wrong
kind is refused before any weight is read. Optimiser state belongs to training, not here.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
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
    average). Raises CheckpointError: not finite, of other shapes, or not writable.
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
    try:
        save_file(state, part, metadata={"pear": json.dumps(record, sort_keys=True)})
        # safetensors writes for the owner only; a model is for everybody the folder is for.
        part.chmod(0o666 & ~_umask())
        os.replace(part, path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from None
    finally:
        part.unlink(missing_ok=True)
    return info


def read_info(path: str | Path) -> CheckpointInfo:
    """The record of a checkpoint without its weights. Raises CheckpointError."""
    with _open(path) as file:
        return _info(file.metadata(), path)


def load(
    path: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Regressor, CheckpointInfo]:
    """The regressor in evaluation mode, every key and shape checked, weights as `dtype`.

    On the CPU weights that are stored as `dtype` stay mapped from the file: nothing is read before
    it is used, and what is changed is copied page by page, never written back. Raises
    CheckpointError: unreadable, another kind of file, another output layout, or weights that do not
    fit the recorded config.
    """
    with _open(path) as file:
        info = _info(file.metadata(), path)
        with torch.device("meta"):
            model = Regressor(info.config)
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        _check_tensors(shapes, model, path)
        state = {
            name: _as_in(like, file.get_tensor(name), device, dtype)
            for name, like in model.state_dict().items()
        }
    model.load_state_dict(state, assign=True)
    model.set_constants(device, dtype)
    return model.eval(), info


def read_torch(path: str | Path) -> dict[str, Any]:
    """The dictionary of a file that torch.save wrote, its tensors mapped from the file.

    Only tensors and plain values are read, no class of the file is ever made. Raises
    CheckpointError: no such file, not of torch, damaged, or with other classes in it.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path}: expected a file of torch.save (a zip archive; torch 1.6 or newer), found "
            "another kind or a cut-off file"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise CheckpointError(f"{path}: {_foreign_classes(path)}") from None
    except Exception as error:  # a damaged archive ends in a dozen unrelated classes
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{path}: a damaged file of torch.save ({reason[0]})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected a dictionary, found {type(content).__name__}")
    return content


def write_torch(path: str | Path, content: Mapping[str, Any]) -> None:
    """torch.save, complete or not at all. Raises CheckpointError."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        torch.save(dict(content), part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path}: cannot be written ({error})") from None
    finally:
        part.unlink(missing_ok=True)


def _foreign_classes(path: Path) -> str:
    try:
        names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
    except Exception:  # so damaged that not even the names can be listed
        names = []
    if not names:
        return "a damaged file of torch.save"
    return (
        f"holds Python classes that are not loaded for safety: {', '.join(names[:5])}. Where the "
        'file is trusted and those packages are installed, strip it with: python -c "import torch; '
        f"c = torch.load('{path}', map_location='cpu', weights_only=False); "
        "torch.save({k: c[k] for k in ('backbone', 'head', 'state_dict') if k in c}, "
        "'stripped.pt')\""
    )


def _as_in(like: Tensor, value: Tensor, device: str | torch.device, dtype: torch.dtype) -> Tensor:
    """value on the device, floats as dtype, laid out as the model's own parameter is."""
    value = value.to(device, dtype if value.is_floating_point() else value.dtype)
    if value.stride() == like.stride():
        return value
    laid_out = torch.empty_strided(
        like.shape, like.stride(), dtype=value.dtype, device=value.device
    )
    return laid_out.copy_(value)


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
