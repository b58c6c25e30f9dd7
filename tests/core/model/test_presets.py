"""Model sizes: published parameter counts, and configs that cannot be built."""

import json

import pytest
import torch

from pear_core.model.presets import PRESETS, ConfigError, ModelConfig, config_from_dict, preset
from pear_core.model.regressor import Regressor

# PEAR facts 1 and 16: 671,425,612 parameters with the unused joint-offset head of 1025 x 165.
PUBLISHED = {
    "vit_h": (630_912_000, 39_386_112, 671_425_612 - 169_125),
    "vit_b": (85_794_816, 36_240_384, 85_794_816 + 36_240_384 + 1025 * 935),
}


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_parameter_counts(name: str) -> None:
    with torch.device("meta"):
        model = Regressor(PRESETS[name])
    assert (count(model.backbone), count(model.decoder), count(model)) == PUBLISHED[name]


def test_own_presets_have_the_usual_small_and_tiny_sizes() -> None:
    sizes = {n: (c.dim, c.depth, c.heads, c.mlp_dim) for n, c in PRESETS.items()}
    assert sizes["vit_s"] == (384, 12, 6, 1536)
    assert sizes["vit_ti"] == (192, 6, 3, 768)
    assert {n: c.stem for n, c in PRESETS.items()} == {
        "vit_h": "patch", "vit_b": "patch", "vit_s": "patch", "vit_ti": "blazepose",
    }  # fmt: skip
    # The published decoder is 6 % of its backbone (vit_h) to 42 % (vit_b); ours stay near it.
    for name in ("vit_s", "vit_ti"):
        with torch.device("meta"):
            model = Regressor(PRESETS[name])
        assert 0.06 < count(model.decoder) / count(model.backbone) < 0.42


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_config_survives_json(name: str) -> None:
    assert config_from_dict(json.loads(json.dumps(PRESETS[name].to_dict()))) == PRESETS[name]


def test_preset_takes_changes() -> None:
    assert preset("vit_ti", depth=2) == ModelConfig(
        **{**PRESETS["vit_ti"].to_dict(), "depth": 2}  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 190}, "not a multiple of heads"),
        ({"depth": 0}, "depth must be a positive integer"),
        ({"decoder_mlp": 1.5}, "decoder_mlp must be a positive integer"),
        ({"drop_path": 1.0}, "drop_path"),
        ({"mlp_ratio": 0.0}, "mlp_ratio"),
        ({"start": "hmr2"}, "start must be one of"),
        ({"stem": "swin"}, "stem must be one of"),
        ({"width": 3}, r"unknown model config keys \['width'\]"),
    ],
)
def test_bad_configs_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        preset("vit_ti", **changes)


def test_unknown_preset_and_incomplete_config() -> None:
    with pytest.raises(ConfigError, match=r"expected one of .*vit_ti"):
        preset("vit_xl")
    with pytest.raises(ConfigError, match="incomplete"):
        config_from_dict({"name": "x"})
