"""The encoder of BlazePose, a small convolutional network that knows people, in torch.

Source: Bazarevsky et al. 2020, "BlazePose"; the layers are those of the Apache-2.0 network
`models/detector/pose_landmark.onnx` (MediaPipe's pose_landmark_full), whose weights `load_encoder`
reads. It was trained on photographs, which we have none of.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

FINE, COARSE, CONTEXT = 88, 288, 4 * 288
"""Channels of the maps at strides 16 and 8 cells, and length of the vector of the whole picture."""


@dataclass(frozen=True)
class _Inverted:
    """Sizes of one inverted bottleneck: channels in and out, widened channels, kernel, stride."""

    channels: int
    wide: int
    out: int
    kernel: int
    stride: int = 1


_BLOCKS = (
    _Inverted(16, 64, 24, 3, 2),
    _Inverted(24, 144, 24, 3),
    _Inverted(24, 144, 32, 5, 2),
    _Inverted(32, 192, 32, 5),
    _Inverted(32, 192, 64, 3, 2),
    _Inverted(64, 384, 64, 3),
    _Inverted(64, 384, 64, 3),
    _Inverted(64, 384, 88, 5),
    _Inverted(88, 528, 88, 5),
    _Inverted(88, 528, 88, 5),
    _Inverted(88, 528, 144, 5, 2),
    _Inverted(144, 864, 144, 5),
    _Inverted(144, 864, 144, 5),
    _Inverted(144, 864, 144, 5),
)
_FINE_AFTER = 10
"""Blocks up to the map at stride 16."""
_AT_4, _AT_2 = 4, 5
"""Plain residual blocks on the 4 x 4 and the 2 x 2 map."""


class BlazePoseEncoder(nn.Module):
    """Square [B, 3, 256, 256], RGB in [0, 1] -> maps [B, 88, 16, 16] and [B, 288, 8, 8], vector
    [B, 1152] of the whole picture (the 2 x 2 map, from which BlazePose reads its landmarks).
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 24, 3, stride=2, padding=1)
        self.first_depth = _depthwise(24, 3)
        self.first_point = nn.Conv2d(24, 16, 1)
        self.blocks = nn.ModuleList(Inverted(sizes) for sizes in _BLOCKS)
        self.widen = nn.Conv2d(144, 864, 1)
        self.depth1, self.depth2 = _depthwise(864, 3), _depthwise(864, 3)
        self.narrow = nn.Conv2d(864, COARSE, 1)
        self.head = nn.ModuleList(
            Separable(COARSE, stride) for stride in (2, *([1] * _AT_4), 2, *([1] * _AT_2))
        )

    def forward(self, square: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.relu6(self.first_depth(F.relu6(self.first(square))))
        x = self.first_point(x)
        fine = x
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number == _FINE_AFTER:
                fine = x
        x = F.relu6(self.depth1(F.relu6(self.widen(x))))
        x = coarse = F.relu6(self.narrow(F.relu6(self.depth2(x))))
        for layer in self.head:
            x = layer(x)
        return fine, coarse, x.flatten(1)


class Inverted(nn.Module):
    """Widen, depthwise convolution, narrow; residual where shapes allow."""

    def __init__(self, sizes: _Inverted) -> None:
        super().__init__()
        self.residual = sizes.stride == 1 and sizes.channels == sizes.out
        self.widen = nn.Conv2d(sizes.channels, sizes.wide, 1)
        self.depth = _depthwise(sizes.wide, sizes.kernel, sizes.stride)
        self.narrow = nn.Conv2d(sizes.wide, sizes.out, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.narrow(F.relu6(self.depth(F.relu6(self.widen(x)))))
        return x + out if self.residual else out


class Separable(nn.Module):
    """relu6(x + point(relu6(depth(x)))); at stride 2 the short cut is the largest of 2 x 2."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.depth = nn.Conv2d(channels, channels, 3, stride, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        # The original pads at stride 2 only below and to the right.
        padded = F.pad(x, (0, 1, 0, 1) if self.stride == 2 else (1, 1, 1, 1))
        branch = self.point(F.relu6(self.depth(padded)))
        short = F.max_pool2d(x, 2) if self.stride == 2 else x
        return F.relu6(short + branch)


def _depthwise(channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, padding=kernel // 2, groups=channels)


class EncoderError(ValueError):
    """A file that does not hold the weights of this encoder."""


def load_encoder(path: str | Path) -> BlazePoseEncoder:
    """The encoder with the weights of `pose_landmark.onnx`. Raises EncoderError.

    The graph lists its convolutions in the order in which the encoder computes them.
    """
    import onnx

    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # whatever protobuf raises on other files
        raise EncoderError(f"{path}: not an ONNX file: {error}") from None
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    made = {output: node for node in graph.node for output in node.output}

    def value(name: str) -> NDArray[Any] | None:
        node = made.get(name)
        return arrays.get(node.input[0] if node is not None and node.op_type == "Cast" else name)

    weights = []
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        user = next(n for n in graph.node if node.output[0] in n.input)
        weights.append((value(node.input[1]), value(user.input[1])))
    encoder = BlazePoseEncoder()
    layers = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        for number, (layer, (weight, bias)) in enumerate(zip(layers, weights, strict=False)):
            assert layer.bias is not None
            if weight is None or bias is None or weight.shape != tuple(layer.weight.shape):
                found = "nothing" if weight is None else str(weight.shape)
                raise EncoderError(
                    f"{path}: convolution {number}: expected {tuple(layer.weight.shape)}, "
                    f"found {found}"
                )
            layer.weight.copy_(torch.from_numpy(weight.astype(np.float32)))
            layer.bias.copy_(torch.from_numpy(bias.astype(np.float32).reshape(-1)))
    if len(weights) < len(layers):
        raise EncoderError(f"{path}: expected {len(layers)} convolutions, found {len(weights)}")
    return encoder.eval()
