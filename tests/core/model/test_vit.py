"""The backbone against a slow derivation in float64 numpy, written from the facts alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf

from pear_core.model.presets import preset
from pear_core.model.vit import TOKENS, Block, Vit, random_tokens

Array = NDArray[np.float64]


def layer_norm(x: Array, weight: Array, bias: Array, eps: float) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) * weight + bias


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))


def attention(q: Array, k: Array, v: Array, heads: int) -> Array:
    """One head at a time, [tokens, inner] each."""
    out = np.zeros_like(q)
    size = q.shape[1] // heads
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        scores = np.einsum("qd,kd->qk", q[:, part], k[:, part]) / np.sqrt(size)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        out[:, part] = np.einsum(
            "qk,kd->qd", weights / weights.sum(axis=1, keepdims=True), v[:, part]
        )
    return out


def slow_vit(strip: Array, p: dict[str, Array], depth: int, heads: int) -> Array:
    """[3, 256, 192] -> [192, dim]."""
    dim = p["positions"].shape[2]
    padded = np.pad(strip, ((0, 0), (2, 2), (2, 2)))
    x = np.zeros((16 * 12, dim))
    for row in range(16):
        for column in range(12):
            patch = padded[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            token = np.einsum("dchw,chw->d", p["patches.weight"], patch) + p["patches.bias"]
            x[12 * row + column] = token
    x = x + p["positions"][0, 1:] + p["positions"][0, 0]
    for i in range(depth):
        b = {
            k.removeprefix(f"blocks.{i}."): v for k, v in p.items() if k.startswith(f"blocks.{i}.")
        }
        y = layer_norm(x, b["norm1.weight"], b["norm1.bias"], 1e-6)
        qkv = y @ b["qkv.weight"].T + b["qkv.bias"]
        y = attention(qkv[:, :dim], qkv[:, dim : 2 * dim], qkv[:, 2 * dim :], heads)
        x = x + y @ b["out.weight"].T + b["out.bias"]
        y = layer_norm(x, b["norm2.weight"], b["norm2.bias"], 1e-6)
        y = gelu(y @ b["mlp1.weight"].T + b["mlp1.bias"])
        x = x + y @ b["mlp2.weight"].T + b["mlp2.bias"]
    return layer_norm(x, p["norm.weight"], p["norm.bias"], 1e-6)


def randomised(module: torch.nn.Module, seed: int = 0) -> dict[str, Array]:
    """Random values everywhere (also biases and norms), float64; returns them for the slow side."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


@pytest.fixture(scope="module")
def config():
    return preset("vit_ti", depth=2, dim=24, heads=3, stem="patch")


def test_backbone_equals_the_slow_derivation(config) -> None:
    vit = Vit(config).eval()
    values = randomised(vit)
    strip = torch.randn(
        2, 3, 256, 192, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    with torch.no_grad():
        fast = vit(strip).numpy()
    slow = np.stack([slow_vit(s, values, 2, 3) for s in strip.numpy()])
    assert np.abs(slow).max() > 0.1
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_token_subset_is_the_backbone_of_those_tokens_alone(config) -> None:
    vit = Vit(config).eval()
    randomised(vit, 3)
    strip = torch.rand(1, 3, 256, 192, dtype=torch.float64)
    every = torch.arange(TOKENS)[None]
    with torch.no_grad():
        assert torch.allclose(vit(strip, every), vit(strip), atol=1e-12)
        # Dropped patches cannot matter: painting over one of them changes nothing.
        kept = every[:, torch.arange(TOKENS) != 5 * 12 + 7]
        painted = strip.clone()
        painted[..., 5 * 16 + 2 : 6 * 16 - 2, 7 * 16 + 2 : 8 * 16 - 2] = 9.0
        assert torch.equal(vit(strip, kept), vit(painted, kept))
        assert not torch.allclose(vit(strip), vit(painted))


@pytest.mark.parametrize("keep", [0.1, 0.5, 1.0])
def test_random_tokens_are_ascending_distinct_and_uniform(keep: float) -> None:
    torch.manual_seed(0)
    index = random_tokens(400, keep)
    assert index.shape == (400, round(192 * keep))
    assert bool((index.diff(dim=1) > 0).all())
    seen = torch.bincount(index.flatten(), minlength=TOKENS) / 400
    # Each token is kept with probability `keep`: 5 standard deviations of a binomial share.
    assert float((seen - index.shape[1] / TOKENS).abs().max()) <= 5 * (0.25 / 400) ** 0.5


def test_random_tokens_refuse_an_impossible_share() -> None:
    with pytest.raises(ValueError, match="keep must lie in"):
        random_tokens(1, 0.0)


def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = Block(24, 3, 96, drop=0.4).train()
    branch = torch.ones(20_000, 1, 24)
    dropped = block._stochastic(branch)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    assert bool((dropped == dropped[:, :1, :1]).all())
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.03)
    assert torch.equal(block.eval()._stochastic(branch), branch)


def test_drop_rate_grows_linearly_with_depth() -> None:
    vit = Vit(preset("vit_ti", depth=3, drop_path=0.3, stem="patch"))
    assert [b.drop for b in vit.blocks] == pytest.approx([0.0, 0.15, 0.3])
