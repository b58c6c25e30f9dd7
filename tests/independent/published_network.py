"""The published network written out from the public code (PEAR, 4D-Humans, ViTPose): every name and
shape of its checkpoint at reduced size, and its forward pass in numpy float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erf, softmax

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
