"""A pretrained stem: the transformer's tokens come from a small network that already knows people.

PEAR starts from ViTPose-H, 631 M parameters trained on photographs. Small models trained here have
no such start, no photographs and little compute; the encoder of BlazePose (2.7 M parameters,
Apache-2.0) takes the place of the patch embedding instead and stays as it is in training.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH
from pear_core.model.blazepose import COARSE, CONTEXT, FINE, BlazePoseEncoder

_FINE_STRIDE, _COARSE_STRIDE = 16, 32
ROWS, COLUMNS = CROP_SIZE // _FINE_STRIDE, STRIP_WIDTH // _FINE_STRIDE


@dataclass(frozen=True)
class Features:
    """What the encoder says about strips: fine [B, 192, 88] per token, coarse [B, 48, 288] per 2 x 2
    tokens, context [B, 1152] per picture; cells row by row.
    """

    fine: Tensor
    coarse: Tensor
    context: Tensor

    def __len__(self) -> int:
        return len(self.fine)


class PretrainedStem(nn.Module):
    """Strip [B, 3, 256, 192], RGB in [0, 1] -> tokens [B, 192, dim].

    The encoder sees the strip in the middle of a black square. Its maps and its vector, each
    normalised over channels, are projected and added up. Only the projections learn, unless
    `learn_from` lets a part of the encoder.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.encoder = BlazePoseEncoder().requires_grad_(False)
        sizes = {"fine": FINE, "coarse": COARSE, "context": CONTEXT}
        self.norms = nn.ModuleDict({name: nn.LayerNorm(size) for name, size in sizes.items()})
        self.projections = nn.ModuleDict(
            {name: nn.Linear(size, dim) for name, size in sizes.items()}
        )

    def forward(self, strip: Tensor) -> Tensor:
        return self.join(self.features(strip))

    def learn_from(self, block: int) -> None:
        """The encoder learns from this block on (counted from 0), and stays as it is before it."""
        # A fifth faster per training step on CPUs.
        self.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.encoder.blocks[block:].requires_grad_(True)
        for name in ("widen", "depth1", "depth2", "narrow", "head"):
            self.encoder.get_submodule(name).requires_grad_(True)

    def features(self, strip: Tensor) -> Features:
        """What the encoder says, in float32 also under autocast: its thin layers need it."""
        square = F.pad(strip, (STRIP_MARGIN, CROP_SIZE - STRIP_MARGIN - STRIP_WIDTH, 0, 0))
        device = square.device.type
        # Not entered for nothing: an exported graph would lose the names of its modules by it.
        mixed = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if mixed else nullcontext():
            fine, coarse, context = self.encoder(square)
        return Features(_cells(fine, _FINE_STRIDE), _cells(coarse, _COARSE_STRIDE), context)

    def join(self, features: Features) -> Tensor:
        """The learning part: tokens [B, 192, dim]."""
        fine, coarse, context = (
            self.projections[name](self.norms[name](getattr(features, name)))
            for name in ("fine", "coarse", "context")
        )
        half = coarse.transpose(1, 2).unflatten(2, (ROWS // 2, COLUMNS // 2))
        spread = F.interpolate(half, scale_factor=2.0, mode="nearest").flatten(2).transpose(1, 2)
        tokens: Tensor = fine + spread + context[:, None]
        return tokens


def _cells(maps: Tensor, stride: int) -> Tensor:
    """The strip's columns of square maps [B, C, H, W] as [B, cells, C]."""
    first, last = STRIP_MARGIN // stride, (STRIP_MARGIN + STRIP_WIDTH) // stride
    return maps[..., first:last].flatten(2).transpose(1, 2)
