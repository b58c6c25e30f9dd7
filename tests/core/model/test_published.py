"""The published checkpoint: its names and counts, its forward derived again in numpy, both ways.

Names, shapes and the derivation are in `published_network.py`, not taken from the module under test.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from independent import published_network as NETWORK
from pear_core.model.presets import PRESETS, ModelConfig
from pear_core.model.published import (
    Kept,
    PublishedError,
    from_published,
    key_names,
    to_published,
)
from pear_core.model.regressor import Regressor

Array = NDArray[np.float64]


DEPTH = NETWORK.DEPTH
DIM = NETWORK.DIM
HEADS = NETWORK.HEADS
MLP = NETWORK.MLP
LAYERS = NETWORK.LAYERS
WIDTH = NETWORK.WIDTH
DECODER_HEADS = NETWORK.DECODER_HEADS
HEAD_WIDTH = NETWORK.HEAD_WIDTH
DECODER_MLP = NETWORK.DECODER_MLP
OUTPUTS = NETWORK.OUTPUTS
BUFFERS = NETWORK.BUFFERS
linear = NETWORK.linear
backbone_shapes = NETWORK.backbone_shapes
decoder_shapes = NETWORK.decoder_shapes
fabricated = NETWORK.fabricated
published_forward = NETWORK.published_forward


@pytest.fixture(scope="module")
def square() -> Array:
    return np.random.default_rng(0).random((3, 256, 256))


@pytest.fixture(scope="module")
def truth(square: Array) -> Array:
    return published_forward(square, fabricated())


def raw_of(square: Array, run_in: torch.dtype, **options: Any) -> Array:
    model = from_published(
        fabricated(), heads=HEADS, decoder_heads=DECODER_HEADS, **options
    ).regressor()
    with torch.no_grad():
        return model.to(run_in).forward_square(torch.from_numpy(square)[None].to(run_in))[0].numpy()


def test_the_935_numbers_are_the_published_ones(square: Array, truth: Array) -> None:
    assert truth.shape == (935,) and np.abs(truth[:132]).std() > 0.1
    double = raw_of(square, torch.float64, dtype=torch.float64)
    np.testing.assert_allclose(double, truth, rtol=1e-11, atol=1e-12)


def test_float32_agrees_to_1e_5(square: Array, truth: Array) -> None:
    single = raw_of(square, torch.float32)
    assert np.abs(single - truth).max() < 1e-5 * np.abs(truth).max()
    # Folded in float32, computed in float64: only the constants' sums are rounded.
    late = raw_of(square, torch.float64)
    assert np.abs(late - truth).max() < 1e-6


def test_each_habit_is_in_the_biases() -> None:
    content = fabricated(torch.float64)
    converted = from_published(content, heads=HEADS, decoder_heads=DECODER_HEADS)
    head, state = content["head"], converted.state
    added = state["heads.heads.pose.bias"] - head["smplx_poses_decoder.bias"]
    mean = head["init_body_pose"][0]
    torch.testing.assert_close(added[:132], mean[:132], rtol=0, atol=1e-15)
    # Hands get nothing, though the buffer goes on; scales are raw, not 1 + delta.
    assert not added[132:].any() and mean[132:].all()
    assert torch.equal(state["heads.heads.scale.bias"], head["smplx_scale_decoder.bias"])
    camera = state["heads.heads.camera.bias"] - head["cam_decoder.bias"]
    torch.testing.assert_close(
        camera, torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64), rtol=0, atol=1e-15
    )


def meta_published(config: ModelConfig) -> dict[str, dict[str, torch.Tensor]]:
    with torch.device("meta"):
        return to_published(Regressor(config).state_dict(), config)


def test_counts_of_the_published_checkpoint() -> None:
    content = meta_published(PRESETS["vit_h"])
    assert (len(content["backbone"]), len(content["head"])) == (389, 128)
    buffers = {k: v for k, v in content["head"].items() if k.startswith("init_")}
    assert {k: v.shape for k, v in buffers.items()} == {k: (1, n) for k, n in BUFFERS.items()}
    assert sum(v.numel() for v in buffers.values()) == 352
    parameters = sum(v.numel() for part in content.values() for v in part.values()) - 352
    assert parameters == 671_425_612


@pytest.mark.parametrize("name", ["vit_h", "vit_b"])
def test_every_name_and_shape_is_the_public_codes(name: str) -> None:
    c = PRESETS[name]
    content = meta_published(c)
    shapes = {k: tuple(v.shape) for k, v in content["backbone"].items()}
    assert shapes == backbone_shapes(c.depth, c.dim, 4 * c.dim)
    expected = decoder_shapes(6, 1024, 512, 1024, c.dim)
    for head, out in {**OUTPUTS, "smplx_joint_decoder": 165}.items():
        expected |= linear(head, out, 1024)
    expected |= {buffer: (1, width) for buffer, width in BUFFERS.items()}
    assert {k: tuple(v.shape) for k, v in content["head"].items()} == expected


@pytest.mark.parametrize("name", ["vit_h", "vit_b"])
def test_published_sizes_need_no_heads(name: str) -> None:
    content = {
        part: {k: torch.zeros(1).expand(v.shape) for k, v in tensors.items()}
        for part, tensors in meta_published(PRESETS[name]).items()
    }
    converted = from_published(content)
    assert converted.config == replace(PRESETS[name], start="published")
    assert len(converted.report.used) == 511 if name == "vit_h" else True


@settings(max_examples=15, deadline=None)
@given(*(st.integers(1, 3) for _ in range(6)), st.integers(1, 50), st.integers(1, 50))
def test_sizes_come_out_of_the_shapes(
    depth: int, heads: int, width: int, layers: int, decoder_heads: int, head_width: int,
    mlp: int, decoder_mlp: int,
) -> None:  # fmt: skip
    config = ModelConfig(
        "published", depth, heads * width, heads, mlp / (heads * width), 0.0, layers, 7,
        decoder_heads, head_width, decoder_mlp, "published",
    )  # fmt: skip
    content = {
        part: {k: torch.zeros(1).expand(v.shape) for k, v in tensors.items()}
        for part, tensors in meta_published(config).items()
    }
    found = from_published(content, heads=heads, decoder_heads=decoder_heads)
    assert found.config == config
    assert found.config.mlp_dim == mlp


def test_every_key_is_accounted_for() -> None:
    content = fabricated()
    report = from_published(content, heads=HEADS, decoder_heads=DECODER_HEADS).report
    total = len(content["backbone"]) + len(content["head"])
    unused = {k for k in report.unused if "." in k}
    assert len(report.used) + len(unused) == total and not set(report.used) & unused
    assert unused == {
        "head.smplx_joint_decoder.weight", "head.smplx_joint_decoder.bias", "head.init_betas",
        "head.init_betas_kid", "head.init_cam", "head.init_expression",
    }  # fmt: skip
    assert {"meta_cfg", "global_iter"} == set(report.unused) - unused
    assert report.missing == {}


def test_there_and_back_is_exact() -> None:
    content = fabricated()
    converted = from_published(content, heads=HEADS, decoder_heads=DECODER_HEADS)
    kept = Kept.from_dict(converted.kept.to_dict())
    back = to_published(converted.state, converted.config, kept)
    for part in ("backbone", "head"):
        assert set(back[part]) == set(content[part])
        for name, value in content[part].items():
            if name.startswith("smplx_joint_decoder"):
                assert not back[part][name].any()
            else:
                assert torch.equal(back[part][name], value), name


def test_a_trained_bias_loses_the_constant_again() -> None:
    content = fabricated()
    converted = from_published(content, heads=HEADS, decoder_heads=DECODER_HEADS)
    converted.state["heads.heads.pose.bias"][5] += 0.25
    back = to_published(converted.state, converted.config, converted.kept)["head"]
    moved = back["smplx_poses_decoder.bias"] - content["head"]["smplx_poses_decoder.bias"]
    assert moved[5] == pytest.approx(0.25, abs=1e-6)
    assert moved.count_nonzero() == 1


def test_own_networks_can_be_written_as_published(square: Array) -> None:
    torch.manual_seed(0)
    config = ModelConfig("mine", DEPTH, DIM, HEADS, MLP / DIM, 0.0, LAYERS, WIDTH,
                         DECODER_HEADS, HEAD_WIDTH, DECODER_MLP, "own")  # fmt: skip
    model = Regressor(config).double().eval()
    with torch.no_grad():
        for head in model.heads.heads.values():
            head.weight.normal_(std=0.1)  # type: ignore[union-attr, operator]
        ours = model.forward_square(torch.from_numpy(square)[None])[0].numpy()
    theirs = published_forward(square, to_published(model.state_dict(), config))
    np.testing.assert_allclose(theirs, ours, rtol=1e-11, atol=1e-12)
    assert abs(ours[0]) > 0.1


def test_used_tensors_are_not_copied() -> None:
    content = fabricated()
    converted = from_published(content, heads=HEADS, decoder_heads=DECODER_HEADS)
    weight = content["backbone"]["blocks.0.attn.qkv.weight"]
    parameter = dict(converted.regressor().named_parameters())["backbone.blocks.0.qkv.weight"]
    assert parameter.data_ptr() == weight.data_ptr()


def test_one_level_of_dotted_keys_is_the_same_checkpoint() -> None:
    content = fabricated()
    flat = {f"{p}.{k}": v for p in ("backbone", "head") for k, v in content[p].items()}
    first, second = (
        from_published(c, heads=HEADS, decoder_heads=DECODER_HEADS) for c in (content, flat)
    )
    assert first.config == second.config
    assert all(torch.equal(v, second.state[k]) for k, v in first.state.items())


def test_mean_pose_replaces_a_missing_buffer_only() -> None:
    content = fabricated()
    buffer = content["head"].pop("init_body_pose")
    sizes = {"heads": HEADS, "decoder_heads": DECODER_HEADS}
    with pytest.raises(PublishedError, match=r"1 keys missing: head\.init_body_pose"):
        from_published(content, **sizes)
    given_back = from_published(content, mean_pose=buffer, **sizes)
    whole = from_published(fabricated(), mean_pose=buffer + 1, **sizes)
    key = "heads.heads.pose.bias"
    assert torch.equal(given_back.state[key], whole.state[key])
    assert list(given_back.report.missing) == ["head.init_body_pose"]


def drop(content: dict[str, Any]) -> None:
    del content["backbone"]["blocks.1.mlp.fc2.bias"]


def drop_block(content: dict[str, Any]) -> None:
    for name in [k for k in content["backbone"] if k.startswith("blocks.0.")]:
        del content["backbone"][name]


def unknown(content: dict[str, Any]) -> None:
    content["head"]["betas_kid"] = torch.zeros(3)


def unknown_part(content: dict[str, Any]) -> None:
    content["teacher"] = {}


def reshaped(content: dict[str, Any]) -> None:
    content["backbone"]["pos_embed"] = torch.zeros(1, 197, DIM)


def whole_numbers(content: dict[str, Any]) -> None:
    content["head"]["cam_decoder.bias"] = torch.zeros(3, dtype=torch.int64)


def not_tensors(content: dict[str, Any]) -> None:
    content["head"]["cam_decoder.bias"] = [0.0, 0.0, 0.0]


def mixed(content: dict[str, Any]) -> None:
    content["head"]["cam_decoder.bias"] = torch.zeros(3, dtype=torch.float16)


def flat_rank(content: dict[str, Any]) -> None:
    content["backbone"]["pos_embed"] = torch.zeros(193 * DIM)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, r"1 keys missing: backbone\.blocks\.1\.mlp\.fc2\.bias$"),
        (drop_block, r"backbone\.blocks\.0\.mlp\.fc1\.weight: missing"),
        (unknown, r"head\.betas_kid: not a key of the published network"),
        (unknown_part, r"teacher: not a part of a published checkpoint"),
        (reshaped, r"backbone\.pos_embed: expected shape \(1, 193, 24\), found \(1, 197, 24\)"),
        (whole_numbers, r"head\.cam_decoder\.bias: expected floats, found torch\.int64"),
        (not_tensors, r"head\.cam_decoder\.bias: expected a tensor, found list"),
        (mixed, r"expected tensors of one type, found torch\.float16, torch\.float32"),
        (flat_rank, r"backbone\.pos_embed: expected 3 axes"),
    ],
)
def test_wrong_content_is_named(change: Any, message: str) -> None:
    content = fabricated()
    change(content)
    with pytest.raises(PublishedError, match=message):
        from_published(content, heads=HEADS, decoder_heads=DECODER_HEADS)


def test_unknown_keys_pass_only_where_listed() -> None:
    content = fabricated() | {"teacher": {}}
    content["head"]["betas_kid"] = torch.zeros(3)
    report = from_published(
        content, heads=HEADS, decoder_heads=DECODER_HEADS, ignore=("teacher", "head.betas_kid")
    ).report
    assert report.unused["teacher"] == report.unused["head.betas_kid"] == "ignored as asked"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "heads of the backbone: no shape tells"),
        ({"heads": HEADS}, "heads of the decoder: no shape tells"),
        ({"heads": 5, "decoder_heads": 2}, "dim 24 is not a multiple of heads 5"),
        ({"heads": HEADS, "decoder_heads": 5}, "width of 12 cannot be split into 5"),
        ({"heads": 0, "decoder_heads": 2}, "heads must be a positive integer"),
    ],
)
def test_heads_are_asked_for(options: dict[str, int], message: str) -> None:
    with pytest.raises(PublishedError, match=message):
        from_published(fabricated(), **options)


def test_a_stem_of_our_own_cannot_be_written() -> None:
    with torch.device("meta"):
        state = Regressor(PRESETS["vit_ti"]).state_dict()
    with pytest.raises(PublishedError, match="patch convolution"):
        to_published(state, PRESETS["vit_ti"])


def test_names_are_one_to_one() -> None:
    names = key_names(PRESETS["vit_h"])
    assert len(names) == len(set(names.values())) == 517 - 7
    with torch.device("meta"):
        assert set(names) == set(Regressor(PRESETS["vit_h"]).state_dict())


@pytest.mark.parametrize(
    "record", [None, {}, {"buffers": {}, "pose_bias": [], "camera_bias": []}, {"x": 1}]
)
def test_records_of_another_form_are_refused(record: Any) -> None:
    with pytest.raises(PublishedError, match="not the record of a conversion"):
        Kept.from_dict(record)
