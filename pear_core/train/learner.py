"""The regressor with what only training needs: token choice and a dense auxiliary head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pear_core.data import surface
from pear_core.data.records import SURFACE_STRIDE
from pear_core.model.regressor import Regressor
from pear_core.model.vit import GRID, PATCH, PATCH_PADDING

_CELLS = PATCH // SURFACE_STRIDE
_KINDS, _VALUES = 3, 4


@dataclass(frozen=True)
class Prediction:
    """raw [B, 935] float32; cells [B, K, 16, 7]: per kept token and cell 3 kind logits and 4 values."""

    raw: Tensor
    cells: Tensor


class Learner(nn.Module):
    """Regressor plus a linear head that names the body point under every 4 x 4 pixel cell.

    The dense target teaches the backbone what it looks at long before the single query can; it is dropped
    after training.
    """

    def __init__(self, regressor: Regressor) -> None:
        super().__init__()
        self.regressor = regressor
        self.surface_head = nn.Linear(regressor.config.dim, _CELLS * _CELLS * (_KINDS + _VALUES))
        nn.init.normal_(self.surface_head.weight, std=0.02)
        nn.init.zeros_(self.surface_head.bias)
        set_positions(regressor.backbone.positions)
        for block in list(regressor.backbone.blocks)[1::2]:
            # Late-starting blocks begin as the identity.
            for linear in (block.get_submodule("out"), block.get_submodule("mlp2")):
                assert isinstance(linear, nn.Linear)
                nn.init.zeros_(linear.weight)

    def forward(
        self, strip: Tensor, kept: Tensor | None, bf16: bool, half_depth: bool = False
    ) -> Prediction:
        """strip [B, 3, 256, 192] in [0, 1]; kept: see tokens.choose_tokens.

        half_depth: leaves out every second backbone block (which are the identity until they are trained).
        """
        net = self.regressor
        with torch.autocast(strip.device.type, torch.bfloat16, enabled=bf16):
            tokens = self._tokens((strip - net.mean) / net.std, kept, half_depth)
            vector = net.decoder(tokens)
            cells = self.surface_head(tokens)
        raw = net.heads(vector.float())
        return Prediction(raw, cells.float().unflatten(-1, (_CELLS * _CELLS, _KINDS + _VALUES)))

    def _tokens(self, strip: Tensor, kept: Tensor | None, half_depth: bool) -> Tensor:
        """The backbone on kept tokens only: the same numbers as Vit.forward, without embedding the others."""
        backbone = self.regressor.backbone
        patches = cut_patches(strip)
        positions = (backbone.positions[:, 1:] + backbone.positions[:, :1]).expand(len(strip), -1, -1)
        if kept is not None:
            patches = torch.gather(patches, 1, kept[:, :, None].expand(-1, -1, patches.shape[2]))
            positions = torch.gather(positions, 1, kept[:, :, None].expand(-1, -1, positions.shape[2]))
        embedding = backbone.patches
        x = F.linear(patches, embedding.weight.flatten(1), embedding.bias) + positions
        blocks = list(backbone.blocks)
        for block in blocks[::2] if half_depth else blocks:
            x = block(x)
        out: Tensor = backbone.norm(x)
        return out


def cut_patches(strip: Tensor) -> Tensor:
    """Patches [B, 192, 768] that the patch convolution of the backbone sees (padding 2), channels first."""
    rows, columns = GRID
    padded = F.pad(strip, (PATCH_PADDING,) * 4)[:, :, : rows * PATCH, : columns * PATCH]
    tiles = padded.reshape(len(strip), 3, rows, PATCH, columns, PATCH)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(len(strip), rows * columns, -1)


def set_positions(positions: Tensor, size: float = 0.5) -> None:
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
        positions[0, 1:, : 4 * quarter] = size * table


def surface_loss(cells: Tensor, target: Tensor, kept: Tensor | None) -> Tensor:
    """Cross-entropy of the kind plus L1 of template point and depth on body cells.

    cells: [B, K, 16, 7] of the kept tokens. target: [B, 64, 48, 5] bytes.
    """
    batch = target.shape[0]
    tiles = target.reshape(batch, GRID[0], _CELLS, GRID[1], _CELLS, 5).permute(0, 1, 3, 2, 4, 5)
    tiles = tiles.reshape(batch, GRID[0] * GRID[1], _CELLS * _CELLS, 5)
    if kept is not None:
        index = kept[:, :, None, None].expand(-1, -1, *tiles.shape[2:])
        tiles = torch.gather(tiles, 1, index)
    kind, values = surface.decode(tiles)
    naming = F.cross_entropy(cells[..., :_KINDS].flatten(0, 2), kind.flatten())
    body = (kind == surface.BODY)[..., None].float()
    distance = ((cells[..., _KINDS:] - values).abs() * body).sum() / (_VALUES * body.sum()).clamp(min=1)
    return naming + 4 * distance
