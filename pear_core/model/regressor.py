"""The whole network: person crop -> flat output vector.

Source: PEAR facts 2 and 3. ImageNet normalisation is inside, so nobody can normalise twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pear_core.layout import STRIP_MARGIN, STRIP_WIDTH
from pear_core.model.decoder import Decoder
from pear_core.model.heads import Heads
from pear_core.model.presets import ModelConfig
from pear_core.model.stem import Features, PretrainedStem
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
        for name in ("mean", "std"):
            self.register_buffer(name, torch.empty(1, 3, 1, 1), persistent=False)
        self.set_constants(self.mean.device, self.mean.dtype)

    def set_constants(self, device: torch.device | str, dtype: torch.dtype) -> None:
        """Mean and deviation of ImageNet (of nothing for the pretrained stem, which takes RGB as it
        is); needed after weights were assigned to a meta model.
        """
        plain = self.config.stem == "blazepose"
        mean, std = ((0.0,) * 3, (1.0,) * 3) if plain else (IMAGENET_MEAN, IMAGENET_STD)
        for name, values in (("mean", mean), ("std", std)):
            setattr(self, name, torch.tensor(values, dtype=dtype, device=device).view(1, 3, 1, 1))

    def _apply(self, *args: Any, **kwargs: Any) -> Regressor:
        # A cast to float64 must not carry float32's rounding of the constants along.
        super()._apply(*args, **kwargs)
        self.set_constants(self.mean.device, self.mean.dtype)
        return self

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

    def forward_features(self, features: Features) -> Tensor:
        """Raw output [B, 935] from what the pretrained stem says about strips."""
        stem = self.backbone.patches
        if not isinstance(stem, PretrainedStem):
            raise TypeError(f"{self.config.name} has no pretrained stem")
        raw: Tensor = self.heads(self.decoder(self.backbone.transform(stem.join(features))))
        return raw

    def forward_square(self, square: Tensor) -> Tensor:
        """The same for RGB squares [B, 3, 256, 256] in [0, 1]; columns 32..223 are seen."""
        raw: Tensor = self(square[..., STRIP_MARGIN : STRIP_MARGIN + STRIP_WIDTH])
        return raw
