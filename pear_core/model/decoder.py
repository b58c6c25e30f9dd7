"""The decoder: one learned query reads the image tokens through a few transformer layers.

Source: PEAR facts 3.2 and 16 (input is a single zero scalar, q/k/v without bias, output projections
with, LayerNorm eps 1e-5 before each branch, no final norm, the context is not normalised again).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pear_core.model.presets import ModelConfig

EPS = 1e-5


class Decoder(nn.Module):
    """Image tokens [B, T, dim] -> one vector per person [B, decoder_dim]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dim = config.decoder_dim
        self.token = nn.Linear(1, dim)
        self.position = nn.Parameter(torch.empty(1, 1, dim))
        self.layers = nn.ModuleList(
            DecoderLayer(
                dim, config.dim, config.decoder_heads, config.decoder_head_dim, config.decoder_mlp
            )
            for _ in range(config.decoder_depth)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Truncated normal 0.02 weights and zero biases, like the backbone; a unit normal query."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.position)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens.new_zeros(tokens.shape[0], 1, 1)) + self.position
        for layer in self.layers:
            x = layer(x, tokens)
        return x[:, 0]


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to the image tokens, MLP; each pre-normed and residual."""

    def __init__(self, dim: int, context_dim: int, heads: int, head_dim: int, mlp_dim: int) -> None:
        super().__init__()
        inner = heads * head_dim
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.self_qkv = nn.Linear(dim, 3 * inner, bias=False)
        self.self_out = nn.Linear(inner, dim)
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.cross_q = nn.Linear(dim, inner, bias=False)
        self.cross_kv = nn.Linear(context_dim, 2 * inner, bias=False)
        self.cross_out = nn.Linear(inner, dim)
        self.norm3 = nn.LayerNorm(dim, eps=EPS)
        self.mlp1 = nn.Linear(dim, mlp_dim)
        self.mlp2 = nn.Linear(mlp_dim, dim)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q, k, v = self.self_qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.self_out(self._attention(q, k, v))
        k, v = self.cross_kv(context).chunk(2, dim=-1)
        x = x + self.cross_out(self._attention(self.cross_q(self.norm2(x)), k, v))
        out: Tensor = x + self.mlp2(F.gelu(self.mlp1(self.norm3(x))))
        return out

    def _attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
