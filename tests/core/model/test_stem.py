"""The convolutional stem against convolutions written out in numpy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pear_core.model.stem import ConvolutionalStem

Array = NDArray[np.float64]


def convolve(x: Array, weight: Array, stride: int, padding: int) -> Array:
    """x (C, H, W) with weight (O, C, k, k), by the definition."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows[:, ::stride, ::stride], weight)


def normalise(x: Array, p: dict[str, Array], name: str) -> Array:
    mean, var, scale, shift = (
        p[f"{name}.{key}"][:, None, None]
        for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * scale + shift


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def residual(x: Array, p: dict[str, Array], name: str) -> Array:
    branch = convolve(x, p[f"{name}.conv1.weight"], 1, 1)
    branch = convolve(relu(normalise(branch, p, f"{name}.norm1")), p[f"{name}.conv2.weight"], 1, 1)
    return relu(x + normalise(branch, p, f"{name}.norm2"))


def test_stem_matches_convolutions_by_definition() -> None:
    torch.manual_seed(0)
    stem = ConvolutionalStem(24).double().eval()
    with torch.no_grad():
        for name, value in stem.state_dict().items():
            if name.endswith(("running_var", "norm2.weight")):
                value.uniform_(0.5, 2.0)
            elif value.is_floating_point():
                value.normal_(0.0, 0.2)
    p = {name: value.numpy() for name, value in stem.state_dict().items()}
    strip = np.random.default_rng(1).normal(size=(3, 64, 48))

    x = relu(normalise(convolve(strip, p["layers.0.weight"], 4, 0), p, "layers.1"))
    x = relu(normalise(convolve(x, p["layers.3.weight"], 2, 1), p, "layers.4"))
    x = residual(x, p, "layers.6")
    x = relu(normalise(convolve(x, p["layers.7.weight"], 2, 1), p, "layers.8"))
    x = residual(x, p, "layers.10")
    expected = convolve(x, p["out.weight"], 1, 0) + p["out.bias"][:, None, None]

    with torch.inference_mode():
        found = stem(torch.from_numpy(strip)[None])[0].numpy()
    assert found.shape == (24, 4, 3)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_residual_branches_begin_as_zero() -> None:
    torch.manual_seed(0)
    stem = ConvolutionalStem(24).eval()
    x = torch.rand(1, 24, 4, 3)
    torch.testing.assert_close(stem.layers[10](x), x)
