"""How a vision transformer starts when it must learn from few pictures.

Random filters on raw pixels see little but the mean colour of a patch. Whitened principal
components of the training pictures' own patches give every token edges and colours of equal
strength from the first step; queries equal to keys make attention begin between tokens that are alike or near.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pear_core.data.shards import Shards
from pear_core.model.blazepose import load_encoder
from pear_core.model.regressor import Regressor
from pear_core.model.stem import PretrainedStem
from pear_core.model.vit import GRID
from pear_core.train.learner import cut_patches

PATCH_SIZE = 0.5
"""Standard deviation of each whitened channel and amplitude of the positions."""
_RIDGE = 3e-3
_LIKENESS = 0.7


def initialise(
    regressor: Regressor, shards: Shards, seed: int, encoder: Path, pictures: int = 256
) -> None:
    """Sets patch embedding or stem, positions and attention of a fresh backbone in place.

    encoder: the ONNX file of the pretrained stem's weights (see `model.blazepose`).
    """
    backbone = regressor.backbone
    if isinstance(backbone.patches, PretrainedStem):
        backbone.patches.encoder.load_state_dict(load_encoder(encoder).state_dict())
    elif isinstance(backbone.patches, nn.Conv2d):
        _whiten_patches(regressor, backbone.patches, shards, seed, pictures)
    set_positions(backbone.positions)
    for block in backbone.blocks:
        qkv = block.get_submodule("qkv")
        assert isinstance(qkv, nn.Linear)
        dim = qkv.in_features
        with torch.no_grad():
            shared = nn.init.orthogonal_(torch.empty(dim, dim), gain=_LIKENESS)
            qkv.weight[:dim] = shared
            qkv.weight[dim : 2 * dim] = shared


def _whiten_patches(
    regressor: Regressor, embedding: nn.Conv2d, shards: Shards, seed: int, pictures: int
) -> None:
    rng = np.random.default_rng([seed, 7])
    images = shards.batch(rng.integers(len(shards), size=pictures))["image"]
    strip = torch.from_numpy(images).permute(0, 3, 1, 2).to(regressor.mean) / 255
    patches = cut_patches((strip - regressor.mean) / regressor.std).flatten(0, 1)
    weight, bias = whitened(patches, embedding.out_channels)
    with torch.no_grad():
        embedding.weight.copy_(weight.view_as(embedding.weight))
        assert embedding.bias is not None
        embedding.bias.copy_(bias)


def whitened(patches: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Weight [channels, D] and bias that turn patches [N, D] into channels of equal spread.

    Principal components by falling variance; weak ones are damped by a ridge on the variance.
    """
    mean = patches.mean(dim=0)
    centred = (patches - mean).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values.flip(0)[:channels], vectors.flip(1)[:, :channels]
    weight = PATCH_SIZE * (vectors / (values + _RIDGE * float(values[0])).sqrt()).T
    return weight.float(), -(weight @ mean.double()).float()


def set_positions(positions: Tensor) -> None:
    """Starts position vectors [1, 1 + 192, D] as 2D sines in place; the shared one at zero."""
    dim = positions.shape[2]
    quarter = dim // 4
    omega = np.exp(-np.log(100.0) * np.arange(quarter) / quarter)
    rows, columns = np.mgrid[: GRID[0], : GRID[1]]
    parts = []
    for axis in (rows, columns):
        phase = axis.reshape(-1, 1) * omega
        parts += [np.sin(phase), np.cos(phase)]
    table = torch.from_numpy(np.concatenate(parts, axis=1)).to(positions)
    with torch.no_grad():
        positions.zero_()
        positions[0, 1:, : 4 * quarter] = PATCH_SIZE * table
