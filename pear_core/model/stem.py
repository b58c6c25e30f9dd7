"""A convolutional stem: residual 3 x 3 convolutions in place of the patch embedding.

Source: Xiao et al. 2021, "Early convolutions help transformers see better". Trained from scratch on
few pictures a plain ViT must first discover that neighbouring pixels belong together; here that is
built in. Published weights have the plain patch convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (48, 96)
"""Channels at strides 4 and 8; at stride 16 they are the width of the transformer."""


class ConvolutionalStem(nn.Module):
    """Strip [B, 3, H, W], normalised -> features [B, dim, H / 16, W / 16].

    Batch normalisation, not layer normalisation: it folds into the convolutions when exported.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        quarter, eighth = WIDTHS
        self.layers = nn.Sequential(
            *_step(3, quarter, kernel=4, stride=4, padding=0),
            *_step(quarter, eighth, kernel=3, stride=2, padding=1),
            Residual(eighth),
            *_step(eighth, dim, kernel=3, stride=2, padding=1),
            Residual(dim),
        )
        self.out = nn.Conv2d(dim, dim, 1)
        self.reset_parameters()
        self.to(memory_format=torch.channels_last)

    def reset_parameters(self) -> None:
        """He's start for convolutions; residual branches begin as zero."""
        for module in self.layers.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Residual):
                nn.init.zeros_(module.norm2.weight)
        nn.init.trunc_normal_(self.out.weight, std=0.02)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, strip: Tensor) -> Tensor:
        out: Tensor = self.out(self.layers(strip.to(memory_format=torch.channels_last)))
        return out


class Residual(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x)))))), 3 x 3, channels kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(x + branch)


def _step(channels: int, out: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, out, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    ]
