"""The whole network: person crop -> flat output vector.

Source: PEAR facts 2 and 3. ImageNet normalisation is inside, so nobody can normalise twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pear_core.layout import STRIP_MARGIN, STRIP_WIDTH
from pear_core.model.decoder import Decoder
from pear_core.model.heads import Heads
from pear_core.model.presets import ModelConfig
from pear_core.model.vit import Vit, random_tokens

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Regressor(nn.Module):
    """Plain ViT, zero-token decoder and linear heads of one `ModelConfig`."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Vit(config)
        self.decoder = Decoder(config)
        self.heads = Heads(config.decoder_dim, config.start)
        # Not persistent: constants of the method, not of a checkpoint.
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, strip: Tensor, keep: float | None = None) -> Tensor:
        """Raw output [B, 935] of RGB strips [B, 3, 256, 192] in [0, 1].

        keep (training only): the share of patch tokens, drawn at random per sample, that the
        backbone and the decoder see; 0.5 about halves the cost of a step. None sees all and is what
        is exported.
        """
        kept = None if keep is None else random_tokens(strip.shape[0], keep, strip.device)
        tokens = self.backbone((strip - self.mean) / self.std, kept)
        raw: Tensor = self.heads(self.decoder(tokens))
        return raw

    def forward_square(self, square: Tensor) -> Tensor:
        """The same for RGB squares [B, 3, 256, 256] in [0, 1]; columns 32..223 are seen."""
        raw: Tensor = self(square[..., STRIP_MARGIN : STRIP_MARGIN + STRIP_WIDTH])
        return raw
