"""Sizes of the regressor: one frozen config, four presets.

Sources: PEAR facts 3.1, 3.2 and 16 (vit_h, vit_b: published sizes). vit_s and vit_ti are ours: the
usual small ViT with a decoder that shrinks along, and a tiny one of half the usual depth on a
pretrained stem, for training without photographs and without a GPU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

Start = Literal["own", "published"]
Stem = Literal["patch", "blazepose"]


@dataclass(frozen=True)
class ModelConfig:
    """Every size of the regressor; any combination is a valid network.

    start: "own" starts at an upright person in the middle of the crop; "published" leaves the pose
    to the checkpoint (its constant is folded into the bias) and starts the camera at (0, 0, 1.5).
    stem: "patch" is one 16 x 16 convolution (published weights); "blazepose" see `model.stem`.
    Raises ConfigError for sizes that do not fit together.
    """

    name: str
    depth: int
    dim: int
    heads: int
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    decoder_depth: int = 6
    decoder_dim: int = 1024
    decoder_heads: int = 8
    decoder_head_dim: int = 64
    decoder_mlp: int = 1024
    start: Start = "own"
    stem: Stem = "patch"

    def __post_init__(self) -> None:
        sizes = (
            "depth",
            "dim",
            "heads",
            "decoder_depth",
            "decoder_dim",
            "decoder_heads",
            "decoder_head_dim",
            "decoder_mlp",
        )
        for name in sizes:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive integer, found {value!r}")
        if self.dim % self.heads:
            raise ConfigError(f"dim {self.dim} is not a multiple of heads {self.heads}")
        if not 0.0 <= self.drop_path < 1.0:
            raise ConfigError(f"drop_path must lie in [0, 1), found {self.drop_path!r}")
        if not self.mlp_ratio > 0.0:
            raise ConfigError(f"mlp_ratio must be positive, found {self.mlp_ratio!r}")
        if self.start not in get_args(Start):
            raise ConfigError(f"start must be one of {get_args(Start)}, found {self.start!r}")
        if self.stem not in get_args(Stem):
            raise ConfigError(f"stem must be one of {get_args(Stem)}, found {self.stem!r}")

    @property
    def mlp_dim(self) -> int:
        """Hidden width of the ViT's MLP."""
        return round(self.dim * self.mlp_ratio)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class ConfigError(ValueError):
    """A model config or preset that cannot be built."""


PRESETS: dict[str, ModelConfig] = {
    "vit_h": ModelConfig("vit_h", depth=32, dim=1280, heads=16, drop_path=0.55),
    "vit_b": ModelConfig("vit_b", depth=12, dim=768, heads=12, drop_path=0.3),
    "vit_s": ModelConfig(
        "vit_s",
        depth=12,
        dim=384,
        heads=6,
        drop_path=0.1,
        decoder_depth=4,
        decoder_dim=384,
        decoder_heads=6,
        decoder_mlp=768,
    ),
    "vit_ti": ModelConfig(
        "vit_ti",
        depth=6,
        dim=192,
        heads=3,
        decoder_depth=3,
        decoder_dim=256,
        decoder_heads=4,
        decoder_mlp=512,
        stem="blazepose",
    ),
}


def preset(name: str, **changes: Any) -> ModelConfig:
    """A preset by name, with fields replaced. Raises ConfigError naming what exists."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}, expected one of {sorted(PRESETS)}")
    _check_names(changes)
    return replace(PRESETS[name], **changes)


def config_from_dict(values: dict[str, Any]) -> ModelConfig:
    """The inverse of ModelConfig.to_dict; unknown or missing keys are errors (ConfigError)."""
    _check_names(values)
    try:
        return ModelConfig(**values)
    except TypeError as error:
        raise ConfigError(f"incomplete model config: {error}") from None


def _check_names(values: dict[str, Any]) -> None:
    unknown = sorted(set(values) - {f.name for f in fields(ModelConfig)})
    if unknown:
        raise ConfigError(f"unknown model config keys {unknown}")
