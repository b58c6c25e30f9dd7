"""The backbone: a plain vision transformer over the 256 x 192 strip, as ViTPose has it.

Source: PEAR facts 3.1 and 16 (patch convolution 16/16 with padding 2, no class token but position 0
added to all, pre-norm blocks, LayerNorm eps 1e-6, exact GELU, qkv bias, final norm).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pear_core.layout import CROP_SIZE, STRIP_WIDTH
from pear_core.model.presets import ModelConfig
from pear_core.model.stem import PretrainedStem

PATCH, PATCH_PADDING = 16, 2
GRID = (CROP_SIZE // PATCH, STRIP_WIDTH // PATCH)
TOKENS = GRID[0] * GRID[1]
EPS = 1e-6


class Vit(nn.Module):
    """Strip [B, 3, 256, 192], normalised -> tokens [B, 192, dim], row by row."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.dim
        self.patches: nn.Module = (
            nn.Conv2d(3, dim, PATCH, stride=PATCH, padding=PATCH_PADDING)
            if config.stem == "patch"
            else PretrainedStem(dim)
        )
        self.positions = nn.Parameter(torch.empty(1, TOKENS + 1, dim))
        last = max(config.depth - 1, 1)
        self.blocks = nn.ModuleList(
            Block(dim, config.heads, config.mlp_dim, config.drop_path * i / last)
            for i in range(config.depth)
        )
        self.norm = nn.LayerNorm(dim, eps=EPS)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Truncated normal 0.02 weights, zero biases, unit norms: the usual start of a ViT."""
        nn.init.trunc_normal_(self.positions, std=0.02)
        learning = [m for m in self.modules() if m not in set(self._frozen())]
        for module in learning:
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def _frozen(self) -> list[nn.Module]:
        return (
            list(self.patches.encoder.modules()) if isinstance(self.patches, PretrainedStem) else []
        )

    def forward(self, strip: Tensor, kept: Tensor | None = None) -> Tensor:
        """Tokens [B, 192, dim]; with `kept` [B, K] (training only) just those, [B, K, dim]."""
        x = self.patches(strip)
        if x.ndim == 4:
            x = x.flatten(2).transpose(1, 2)
        return self.transform(x, kept)

    def transform(self, x: Tensor, kept: Tensor | None = None) -> Tensor:
        """What follows the embedding [B, 192, dim]: positions, blocks, norm."""
        x = x + (self.positions[:, 1:] + self.positions[:, :1])
        if kept is not None:
            x = torch.gather(x, 1, kept[:, :, None].expand(-1, -1, x.shape[2]))
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); each branch dropped per sample with `drop`."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, drop: float) -> None:
        super().__init__()
        self.heads, self.drop = heads, drop
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp1 = nn.Linear(dim, mlp_dim)
        self.mlp2 = nn.Linear(mlp_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._stochastic(self._attention(self.norm1(x)))
        return x + self._stochastic(self.mlp2(F.gelu(self.mlp1(self.norm2(x)))))

    def _attention(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, dim))
        return out

    def _stochastic(self, branch: Tensor) -> Tensor:
        """Stochastic depth (Huang et al. 2016): drops a sample's branch, keeps the mean."""
        if not self.training or self.drop == 0.0:
            return branch
        keep = 1.0 - self.drop
        mask = branch.new_empty(branch.shape[0], 1, 1).bernoulli_(keep)
        return branch * (mask / keep)


def random_tokens(batch: int, keep: float, device: torch.device | None = None) -> Tensor:
    """Ascending indices [batch, K] of a random subset of the 192 tokens, K = round(192 keep)."""
    if not 0.0 < keep <= 1.0:
        raise ValueError(f"keep must lie in (0, 1], found {keep!r}")
    count = max(1, round(TOKENS * keep))
    order = torch.rand(batch, TOKENS, device=device).argsort(dim=1)
    return order[:, :count].sort(dim=1).values
