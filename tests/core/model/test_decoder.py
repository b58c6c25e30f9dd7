"""The decoder against a slow derivation in float64 numpy, written from the facts alone."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erf, softmax

from pear_core.model.decoder import Decoder
from pear_core.model.presets import preset

Array = NDArray[np.float64]
CONFIG = preset(
    "vit_ti", dim=12, heads=3, decoder_depth=2, decoder_dim=20, decoder_heads=2,
    decoder_head_dim=6, decoder_mlp=28,
)  # fmt: skip


def norm(x: Array, p: dict[str, Array], name: str) -> Array:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def slow_decoder(tokens: Array, p: dict[str, Array]) -> Array:
    """[tokens, 12] -> [20]. The lone query attends to itself: self-attention returns its value."""
    inner, heads, size = 12, 2, 6
    x = p["token.bias"] + p["position"][0, 0]
    for i in range(2):
        b = {
            k.removeprefix(f"layers.{i}."): v for k, v in p.items() if k.startswith(f"layers.{i}.")
        }
        value = b["self_qkv.weight"][2 * inner :] @ norm(x, b, "norm1")
        x = x + b["self_out.weight"] @ value + b["self_out.bias"]
        query = b["cross_q.weight"] @ norm(x, b, "norm2")
        keys = np.einsum("oc,tc->to", b["cross_kv.weight"][:inner], tokens)
        values = np.einsum("oc,tc->to", b["cross_kv.weight"][inner:], tokens)
        mixed = np.zeros(inner)
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            share = softmax(keys[:, part] @ query[part] / np.sqrt(size))
            mixed[part] = share @ values[:, part]
        x = x + b["cross_out.weight"] @ mixed + b["cross_out.bias"]
        hidden = b["mlp1.weight"] @ norm(x, b, "norm3") + b["mlp1.bias"]
        hidden = hidden * 0.5 * (1 + erf(hidden / np.sqrt(2)))
        x = x + b["mlp2.weight"] @ hidden + b["mlp2.bias"]
    return x


def test_decoder_equals_the_slow_derivation() -> None:
    decoder = Decoder(CONFIG).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    values = {name: value.detach().numpy() for name, value in decoder.named_parameters()}
    tokens = torch.randn(3, 192, 12, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        fast = decoder(tokens).numpy()
    slow = np.stack([slow_decoder(t, values) for t in tokens.numpy()])
    assert np.abs(slow).max() > 0.1
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_projections_have_the_published_biases() -> None:
    names = {
        name.removeprefix("layers.0.")
        for name in Decoder(CONFIG).state_dict()
        if "layers.0" in name
    }
    assert not names & {"self_qkv.bias", "cross_q.bias", "cross_kv.bias"}
    assert {"self_out.bias", "cross_out.bias", "mlp1.bias", "mlp2.bias"} <= names


def test_order_of_the_tokens_does_not_matter_to_it() -> None:
    # Positions are in the tokens already; attention over them is a set operation.
    decoder = Decoder(CONFIG).double().eval()
    tokens = torch.randn(1, 192, 12, dtype=torch.float64)
    shuffled = tokens[:, torch.randperm(192)]
    with torch.no_grad():
        assert torch.allclose(decoder(tokens), decoder(shuffled), atol=1e-12)
