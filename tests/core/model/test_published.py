"""The published checkpoint: its names and counts, its forward derived again in numpy, both ways.

The names below are written out from the public code (PEAR, 4D-Humans, ViTPose), not taken from the
module under test.
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
from scipy.special import erf, softmax

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
DEPTH, DIM, HEADS, MLP = 2, 24, 3, 40
LAYERS, WIDTH, DECODER_HEADS, HEAD_WIDTH, DECODER_MLP = 2, 20, 2, 6, 28
INNER = DECODER_HEADS * HEAD_WIDTH
OUTPUTS = {
    "smplx_poses_decoder": 312, "smplx_scale_decoder": 6, "smplx_shape_decoder": 200,
    "smplx_expression_decoder": 50, "flame_poses_decoder": 14, "flame_shape_decoder": 300,
    "flame_expression_decoder": 50, "cam_decoder": 3,
}  # fmt: skip
BUFFERS = {
    "init_body_pose": 318, "init_betas": 10, "init_betas_kid": 11, "init_cam": 3,
    "init_expression": 10,
}  # fmt: skip


def linear(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def backbone_shapes(depth: int, dim: int, mlp: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "pos_embed": (1, 193, dim), "patch_embed.proj.weight": (dim, 3, 16, 16),
        "patch_embed.proj.bias": (dim,), **norm_shapes("last_norm", dim),
    }  # fmt: skip
    for i in range(depth):
        block = f"blocks.{i}"
        shapes |= norm_shapes(f"{block}.norm1", dim) | norm_shapes(f"{block}.norm2", dim)
        shapes |= linear(f"{block}.attn.qkv", 3 * dim, dim)
        shapes |= linear(f"{block}.attn.proj", dim, dim)
        shapes |= linear(f"{block}.mlp.fc1", mlp, dim) | linear(f"{block}.mlp.fc2", dim, mlp)
    return shapes


def decoder_shapes(
    layers: int, width: int, inner: int, mlp: int, context: int
) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "transformer.pos_embedding": (1, 1, width),
        **linear("transformer.to_token_embedding", width, 1),
    }
    for i in range(layers):
        layer = f"transformer.transformer.layers.{i}"
        for branch in range(3):
            shapes |= norm_shapes(f"{layer}.{branch}.norm", width)
        shapes[f"{layer}.0.fn.to_qkv.weight"] = (3 * inner, width)
        shapes |= linear(f"{layer}.0.fn.to_out.0", width, inner)
        shapes[f"{layer}.1.fn.to_kv.weight"] = (2 * inner, context)
        shapes[f"{layer}.1.fn.to_q.weight"] = (inner, width)
        shapes |= linear(f"{layer}.1.fn.to_out.0", width, inner)
        shapes |= linear(f"{layer}.2.fn.net.0", mlp, width)
        shapes |= linear(f"{layer}.2.fn.net.3", width, mlp)
    return shapes


def fabricated(dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """A reduced checkpoint in the published form, everything random."""
    head = decoder_shapes(LAYERS, WIDTH, INNER, DECODER_MLP, DIM)
    for name, out in {**OUTPUTS, "smplx_joint_decoder": 165}.items():
        head |= linear(name, out, WIDTH)
    head |= {name: (1, width) for name, width in BUFFERS.items()}
    generator = torch.Generator().manual_seed(0)
    return {
        part: {
            name: (0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)
            for name, shape in shapes.items()
        }
        for part, shapes in (("backbone", backbone_shapes(DEPTH, DIM, MLP)), ("head", head))
    } | {"meta_cfg": {"TRAIN": {"batch_size": 40}}, "global_iter": 200_000}


def norm(x: Array, p: dict[str, Array], name: str, eps: float) -> Array:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * p[f"{name}.weight"] + p[f"{name}.bias"]


def dense(x: Array, p: dict[str, Array], name: str) -> Array:
    return x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0.0)


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def attention(q: Array, k: Array, v: Array, heads: int) -> Array:
    """Head by head; [queries, inner], [keys, inner] -> [queries, inner]."""
    out, width = np.zeros_like(q), q.shape[1] // heads
    for h in range(heads):
        part = slice(h * width, (h + 1) * width)
        out[:, part] = softmax(q[:, part] @ k[:, part].T / np.sqrt(width), axis=1) @ v[:, part]
    return out


def published_forward(square: Array, content: dict[str, Any]) -> Array:
    """RGB [3, 256, 256] in [0, 1] -> the 935 numbers, as facts 2, 3 and 16 say, one person."""
    p = {k: v.double().numpy() for k, v in content["backbone"].items()}
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    picture = ((square - mean[:, None, None]) / std[:, None, None])[:, :, 32:224]
    padded = np.pad(picture, ((0, 0), (2, 2), (2, 2)))
    tokens = np.stack(
        [
            np.einsum(
                "chw,ochw->o", padded[:, 16 * r : 16 * r + 16, 16 * c : 16 * c + 16],
                p["patch_embed.proj.weight"],
            )
            for r in range(16)
            for c in range(12)
        ]
    )  # fmt: skip
    x = tokens + p["patch_embed.proj.bias"] + p["pos_embed"][0, 1:] + p["pos_embed"][0, 0]
    for i in range(DEPTH):
        block = f"blocks.{i}"
        q, k, v = np.split(dense(norm(x, p, f"{block}.norm1", 1e-6), p, f"{block}.attn.qkv"), 3, 1)
        x = x + dense(attention(q, k, v, HEADS), p, f"{block}.attn.proj")
        hidden = gelu(dense(norm(x, p, f"{block}.norm2", 1e-6), p, f"{block}.mlp.fc1"))
        x = x + dense(hidden, p, f"{block}.mlp.fc2")
    context = norm(x, p, "last_norm", 1e-6)

    p = {k: v.double().numpy() for k, v in content["head"].items()}
    y = p["transformer.to_token_embedding.bias"][None] + p["transformer.pos_embedding"][0]
    for i in range(LAYERS):
        layer = f"transformer.transformer.layers.{i}"
        q, k, v = np.split(
            dense(norm(y, p, f"{layer}.0.norm", 1e-5), p, f"{layer}.0.fn.to_qkv"), 3, 1
        )
        y = y + dense(attention(q, k, v, DECODER_HEADS), p, f"{layer}.0.fn.to_out.0")
        q = dense(norm(y, p, f"{layer}.1.norm", 1e-5), p, f"{layer}.1.fn.to_q")
        k, v = np.split(dense(context, p, f"{layer}.1.fn.to_kv"), 2, 1)
        y = y + dense(attention(q, k, v, DECODER_HEADS), p, f"{layer}.1.fn.to_out.0")
        hidden = gelu(dense(norm(y, p, f"{layer}.2.norm", 1e-5), p, f"{layer}.2.fn.net.0"))
        y = y + dense(hidden, p, f"{layer}.2.fn.net.3")
    outputs = {name: dense(y, p, name)[0] for name in OUTPUTS}
    outputs["smplx_poses_decoder"][:132] += p["init_body_pose"][0, :132]
    outputs["cam_decoder"] += np.array([0.0, 0.0, 1.5])
    return np.concatenate(list(outputs.values()))


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
