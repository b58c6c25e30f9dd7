"""ViTPose and HMR2 weights land where they belong, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pear_core.model.foreign import ForeignError, start_from_foreign
from pear_core.model.presets import ModelConfig, preset
from pear_core.model.published import backbone_names, decoder_names
from pear_core.model.regressor import Regressor

CONFIG = ModelConfig(
    "small", depth=2, dim=12, heads=3, decoder_depth=2, decoder_dim=10, decoder_heads=2,
    decoder_head_dim=4, decoder_mlp=14,
)  # fmt: skip


def donor(config: ModelConfig = CONFIG) -> Regressor:
    torch.manual_seed(5)
    model = Regressor(config)
    with torch.no_grad():
        for value in model.parameters():
            value.normal_()
    return model


def vitpose(prefix: str = "backbone.") -> dict[str, Any]:
    state = donor().backbone.state_dict()
    content = {prefix + theirs: state[ours] for ours, theirs in backbone_names(2).items()}
    return {"state_dict": content | {"keypoint_head.final_layer.weight": torch.ones(17, 3, 1, 1)}}


def hmr2(config: ModelConfig = CONFIG) -> dict[str, Any]:
    state = donor(config).decoder.state_dict()
    content = vitpose()["state_dict"]
    del content["keypoint_head.final_layer.weight"]
    content |= {
        f"smpl_head.transformer.{theirs}": state[ours]
        for ours, theirs in decoder_names(config.decoder_depth).items()
    }
    content |= {
        "smpl_head.decpose.weight": torch.ones(144, 10), "smpl.betas": torch.ones(1, 10),
        "smpl_head.init_cam": torch.ones(1, 3), "discriminator.D_conv1.weight": torch.ones(2),
        "initialized": torch.tensor(True),
    }  # fmt: skip
    return {"state_dict": content, "epoch": 35}


def fresh() -> tuple[Regressor, dict[str, Tensor]]:
    torch.manual_seed(1)
    model = Regressor(CONFIG)
    return model, {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("prefix", ["backbone.", ""])
def test_vitpose_gives_the_whole_backbone_and_nothing_more(prefix: str) -> None:
    model, before = fresh()
    report = start_from_foreign(model, vitpose(prefix))
    given = donor().state_dict()
    for name, value in model.state_dict().items():
        expected = given if name.startswith("backbone.") else before
        assert torch.equal(value, expected[name]), name
    assert len(report.used) == 5 + 12 * 2
    assert list(report.unused) == ["keypoint_head.final_layer.weight"]
    assert set(report.missing) == {n for n in before if not n.startswith("backbone.")}


def test_the_backbone_sees_the_same_picture_the_same_way() -> None:
    model, _ = fresh()
    start_from_foreign(model, vitpose())
    strip = torch.rand(1, 3, 256, 192)
    with torch.no_grad():
        assert torch.equal(model.eval().backbone(strip), donor().eval().backbone(strip))


def test_hmr2_gives_the_decoder_too() -> None:
    model, before = fresh()
    report = start_from_foreign(model, hmr2())
    given = donor().state_dict()
    for name, value in model.state_dict().items():
        expected = before if name.startswith("heads.") else given
        assert torch.equal(value, expected[name]), name
    assert set(report.unused) == {
        "smpl_head.decpose.weight", "smpl_head.init_cam", "smpl.betas", "initialized",
        "discriminator.D_conv1.weight",
    }  # fmt: skip
    assert all(name.startswith("heads.") for name in report.missing)


@pytest.mark.parametrize("other", [{"decoder_mlp": 9}, {"decoder_depth": 3}, {"decoder_depth": 1}])
def test_a_decoder_of_other_sizes_starts_fresh_as_a_whole(other: dict[str, int]) -> None:
    model, before = fresh()
    theirs = ModelConfig(**{**CONFIG.to_dict(), **other})
    report = start_from_foreign(model, hmr2(theirs))
    for name, value in model.decoder.state_dict().items():
        assert torch.equal(value, before[f"decoder.{name}"]), name
    assert torch.equal(model.backbone.positions, donor().backbone.positions)
    taken = {key for key in report.used if key.startswith("smpl_head.")}
    assert not taken
    assert "other sizes" in report.unused["smpl_head.transformer.pos_embedding"]


def drop(state: dict[str, Any]) -> None:
    del state["backbone.last_norm.bias"]


def other_grid(state: dict[str, Any]) -> None:
    state["backbone.pos_embed"] = torch.zeros(1, 197, 12)


def deeper(state: dict[str, Any]) -> None:
    state["backbone.blocks.2.norm1.weight"] = torch.zeros(12)


def expert(state: dict[str, Any]) -> None:
    state["backbone.blocks.0.mlp.experts.0.weight"] = torch.zeros(12)


def number(state: dict[str, Any]) -> None:
    state["backbone.last_norm.bias"] = 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, r"backbone\.last_norm\.bias: expected shape \(12,\), found nothing"),
        (other_grid, r"pos_embed: expected shape \(1, 193, 12\), found \(1, 197, 12\)"),
        (deeper, r"backbone\.blocks\.2\.norm1\.weight: not a key of .* with 2 blocks"),
        (expert, "mlp.experts.0.weight: not a key of"),
        (number, "backbone.last_norm.bias: expected a tensor, found int"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_copied(change: Any, message: str) -> None:
    model, before = fresh()
    content = vitpose()
    change(content["state_dict"])
    with pytest.raises(ForeignError, match=message):
        start_from_foreign(model, content)
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())


def test_other_files_and_other_stems() -> None:
    model, _ = fresh()
    with pytest.raises(
        ForeignError, match=r"weights under 'state_dict', found the keys \['model'\]"
    ):
        start_from_foreign(model, {"model": {}})
    with torch.device("meta"):
        own = Regressor(preset("vit_ti"))
    with pytest.raises(ForeignError, match="need a patch convolution"):
        start_from_foreign(own, vitpose())
