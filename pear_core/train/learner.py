"""The regressor with what only training needs: token choice and a dense auxiliary head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pear_core.model.regressor import Regressor
from pear_core.model.stem import Features, PretrainedStem
from pear_core.model.vit import GRID, PATCH, PATCH_PADDING
from pear_core.train.auxiliary import CELLS, KINDS, VALUES, VOTED, count_votes


@dataclass(frozen=True)
class Prediction:
    """raw [B, 935]: the output; the rest is auxiliary.

    cells [B, K, 16, 7]: per kept token and cell 3 kind logits and 4 values. points [B, P, 3]: u, v
    in [0, 1] of the crop and depth behind the pelvis in metres of the joints VOTED. All float32.
    """

    raw: Tensor
    cells: Tensor
    points: Tensor


class Learner(nn.Module):
    """Regressor plus two linear heads on the patch tokens, dropped after training.

    One names the body point under every 4 x 4 pixel cell, the other lets the tokens vote for the
    joints. They teach the backbone what it looks at long before the single query of the decoder
    can.
    """

    def __init__(self, regressor: Regressor) -> None:
        super().__init__()
        self.regressor = regressor
        self.surface_head = nn.Linear(regressor.config.dim, CELLS * CELLS * (KINDS + VALUES))
        nn.init.normal_(self.surface_head.weight, std=0.02)
        nn.init.zeros_(self.surface_head.bias)
        self.vote_head = nn.Linear(regressor.config.dim, 4 * len(VOTED))
        nn.init.normal_(self.vote_head.weight, std=0.02)
        nn.init.zeros_(self.vote_head.bias)
        for block in list(regressor.backbone.blocks)[1::2]:
            # Late-starting blocks begin as the identity.
            for linear in (block.get_submodule("out"), block.get_submodule("mlp2")):
                assert isinstance(linear, nn.Linear)
                nn.init.zeros_(linear.weight)

    def forward(
        self,
        picture: Tensor | Features,
        kept: Tensor | None,
        bf16: bool,
        half_depth: bool = False,
        apart: bool = False,
    ) -> Prediction:
        """picture: strip [B, 3, 256, 192] in [0, 1], or what the stem's frozen part says about it.

        kept: see tokens.choose_tokens. half_depth: leaves out every second backbone block (the
        identity until trained). apart: the output's gradient stops at the tokens, so that only the
        auxiliary heads shape the backbone.
        """
        net = self.regressor
        device = net.mean.device.type
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            tokens = self._tokens(picture, kept, half_depth)
            vector = net.decoder(tokens.detach() if apart else tokens)
            cells = self.surface_head(tokens)
            votes = self.vote_head(tokens)
        raw = net.heads(vector.float())
        cells = cells.float().unflatten(-1, (CELLS * CELLS, KINDS + VALUES))
        points = count_votes(votes.float().unflatten(-1, (len(VOTED), 4)), kept)
        return Prediction(raw, cells, points)

    def _tokens(self, picture: Tensor | Features, kept: Tensor | None, half_depth: bool) -> Tensor:
        """What Vit.forward gives for the kept tokens; plain patches are embedded only if kept."""
        net, backbone = self.regressor, self.regressor.backbone
        embedding = backbone.patches
        if isinstance(embedding, PretrainedStem):
            known = picture if isinstance(picture, Features) else embedding.features(picture)
            x = _pick(embedding.join(known), kept)
        else:
            assert isinstance(embedding, nn.Conv2d) and isinstance(picture, Tensor)
            patches = _pick(cut_patches((picture - net.mean) / net.std), kept)
            x = F.linear(patches, embedding.weight.flatten(1), embedding.bias)
        positions = backbone.positions[:, 1:] + backbone.positions[:, :1]
        x = x + _pick(positions.expand(len(x), -1, -1), kept)
        blocks = list(backbone.blocks)
        for block in blocks[::2] if half_depth else blocks:
            x = block(x)
        out: Tensor = backbone.norm(x)
        return out


def _pick(tokens: Tensor, kept: Tensor | None) -> Tensor:
    if kept is None:
        return tokens
    return torch.gather(tokens, 1, kept[:, :, None].expand(-1, -1, tokens.shape[2]))


def cut_patches(strip: Tensor) -> Tensor:
    """Patches [B, 192, 768], channels first, that the backbone's patch convolution sees."""
    rows, columns = GRID
    padded = F.pad(strip, (PATCH_PADDING,) * 4)[:, :, : rows * PATCH, : columns * PATCH]
    tiles = padded.reshape(len(strip), 3, rows, PATCH, columns, PATCH)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(len(strip), rows * columns, -1)
