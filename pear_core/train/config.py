"""The typed training configuration, from JSON and from command-line flags; unknown keys are
errors.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from pear_core.losses.total import LossWeights


class TrainConfigError(ValueError):
    """A configuration with an unknown key or a value of the wrong kind."""


@dataclass(frozen=True)
class TrainConfig:
    """One stage-1 run. Paths are relative to the working directory.

    keep: list of [until, share]: up to this fraction of the run only this share of the patch
    tokens is used (1.0: all). Rates are for a batch of any size; the schedule is warm-up, then
    cosine to `final_rate` times the peak. muon: peak rate of the Muon optimiser for the matrices
    of the transformer blocks; 0 trains everything by AdamW.
    """

    data: str = "out/synthetic/train"
    validation: str = "out/synthetic/validation"
    body: str = "models/free_body"
    out: str = "out/train/vit_ti"
    model: str = "vit_ti"
    encoder: str = "models/detector/pose_landmark.onnx"
    """Weights of the pretrained stem, for models that have one."""
    start: str = ""
    """state.pt or model.safetensors whose weights a new run starts from."""
    steps: int = 6000
    minutes: float = 0.0
    """Above 0 the schedule follows the clock instead of `steps` (for machines that others use
    too).
    """
    batch: int = 64
    rate: float = 1e-3
    muon: float = 2e-3
    warmup: int = 150
    final_rate: float = 0.02
    weight_decay: float = 0.05
    clip: float = 1.0
    ema: float = 0.999
    keep: tuple[tuple[float, float], ...] = ((0.75, 0.5), (1.0, 1.0))
    whole_every: int = 0
    """Every n-th step sees all tokens of a quarter of its batch (0: never)."""
    stem_from: int = -1
    """First block of the pretrained stem's encoder that learns (-1: none); needs pictures."""
    stem_rate: float = 0.2
    """Learning rate of the stem's encoder as a fraction of `rate`."""
    half_depth: float = 0.0
    """Up to this fraction of the run every second backbone block waits, as the identity."""
    apart: float = 0.0
    """Up to this fraction of the run only the auxiliary heads shape the backbone."""
    plain: tuple[float, float] = (0.0, 0.0)
    """Backgrounds are one colour up to the first fraction of the run, whole from the second."""
    guided: float = 0.7
    """How strongly the kept tokens prefer the person over the background, 0 to 1."""
    surface: float = 1.0
    """Weight of the auxiliary dense head (training only)."""
    votes: float = 10.0
    """Weight of the auxiliary joint votes of the tokens (training only)."""
    aligned: float = 0.0
    """Weight of the joints' distance after similarity alignment (the distance of PA-MPJPE)."""
    flip: float = 0.5
    bf16: bool = True
    device: str = "cpu"
    """"cpu", or "cuda" with one worker."""
    seed: int = 1
    workers: int = 1
    """Processes that share each batch."""
    meet_every: int = 10
    """Steps after which the workers' weights are averaged."""
    threads: int = 2
    """Threads per worker."""
    log_every: int = 20
    save_minutes: float = 3.0
    validate_every: int = 400
    validation_crops: int = 256
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "log_every",
            "validate_every",
            "threads",
            "workers",
            "meet_every",
        ):
            if getattr(self, name) < 1:
                raise TrainConfigError(f"{name}: expected at least 1, found {getattr(self, name)}")
        if self.batch % self.workers:
            raise TrainConfigError(
                f"batch: expected a multiple of {self.workers} workers, found {self.batch}"
            )
        if self.device != "cpu" and self.workers > 1:
            raise TrainConfigError(f"workers: expected 1 on {self.device}, found {self.workers}")
        shares = [(until, share) for until, share in self.keep]
        if not shares or shares[-1][0] < 1.0 or any(not 0 < share <= 1 for _, share in shares):
            raise TrainConfigError(
                f"keep: expected [until, share] pairs up to 1.0, found {self.keep}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


def from_mapping(values: Mapping[str, Any]) -> TrainConfig:
    """A configuration from plain values. Raises TrainConfigError naming the key."""
    nested = dict(values)
    if "weights" in nested:
        nested["weights"] = LossWeights(**_checked(LossWeights, nested["weights"], "weights."))
    if "keep" in nested:
        try:
            nested["keep"] = tuple((float(until), float(share)) for until, share in nested["keep"])
        except (TypeError, ValueError):
            raise TrainConfigError(
                f"keep: expected [until, share] pairs, found {nested['keep']!r}"
            ) from None
    if "plain" in nested:
        nested["plain"] = tuple(float(fraction) for fraction in nested["plain"])
    return TrainConfig(**_checked(TrainConfig, nested, ""))


def from_arguments(arguments: Sequence[str]) -> TrainConfig:
    """`[CONFIG.json] [--key value]...`; nested keys as --weights.root 0.3. Flags win over the
    file.
    """
    values: dict[str, Any] = {}
    rest = list(arguments)
    if rest and not rest[0].startswith("--"):
        values = _read(Path(rest.pop(0)))
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--"):
            raise TrainConfigError(f"expected --key, found {flag!r}")
        if not rest:
            raise TrainConfigError(f"{flag}: value missing")
        _put(values, flag[2:].split("."), _parse(rest.pop(0)))
    return from_mapping(values)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TrainConfigError(f"{path}: {error}") from None
    if not isinstance(values, dict):
        raise TrainConfigError(f"{path}: expected an object, found {type(values).__name__}")
    return values


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(kind: type, values: Any, prefix: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise TrainConfigError(f"{prefix.rstrip('.')}: expected an object, found {values!r}")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise TrainConfigError(
            f"unknown key {prefix}{unknown[0]}; known: {', '.join(sorted(hints))}"
        )
    out: dict[str, Any] = {}
    for key, value in values.items():
        expected = hints[key]
        if expected is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if expected in (int, float, str, bool) and type(value) is not expected:
            raise TrainConfigError(f"{prefix}{key}: expected {expected.__name__}, found {value!r}")
        out[key] = value
    return out
