"""Crop, network and body in one graph, for engines on a GPU: one upload and one launch per frame.

The types are written into the graph, since a precision that is set from outside would round the
sampling coordinates too (measured under OpenVINO's bf16 hint: wrong by a quarter of the outputs'
size). Crop and body are float32 always.
"""

from __future__ import annotations

import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pear_core import layout
from pear_core.body.ehm import Ehm
from pear_core.export.graphs import BodyGraph
from pear_core.export.onnx_export import trace
from pear_core.model.regressor import Regressor

FUSED = "fused.onnx"
GEOMETRY = frozenset({"", "body", "cut"})
"""Modules of the graph that are no network and stay float32 ("" holds what lies between modules)."""


FUSED_INPUTS: dict[str, list[str | int]] = {"image": ["H", "W", 3], "crops": ["N", 3]}
"""uint8 and float32."""


class Cut(nn.Module):
    """Picture [H, W, 3] uint8 and squares [N, 3] (centre x, y and side in pixels) -> strips
    [N, 3, 256, 192] in [0, 1]; bilinear, black outside.

    Source: PEAR facts 2; the same as `pear_ros.engine.warp`, which rounds to OpenCV's 1/32 pixel.
    """

    columns: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        size = layout.CROP_SIZE
        across = torch.arange(layout.STRIP_WIDTH, dtype=torch.float32) + layout.STRIP_MARGIN
        down = torch.arange(size, dtype=torch.float32)
        # Place in the square, from -1/2 to 1/2 of its side around the centre.
        self.register_buffer("columns", across / size - 0.5, persistent=False)
        self.register_buffer("rows", down / size - 0.5, persistent=False)

    def forward(self, image: Tensor, crops: Tensor) -> Tensor:
        picture = image.float()
        height, width, people = picture.shape[0], picture.shape[1], crops.shape[0]
        side = crops[:, 2:3]
        # Pixel p has its centre at (2 p + 1) / size - 1 of grid_sample's [-1, 1].
        x = (2.0 * (crops[:, 0:1] + side * self.columns) + 1.0) / width - 1.0
        y = (2.0 * (crops[:, 1:2] + side * self.rows) + 1.0) / height - 1.0
        strip = (people, layout.CROP_SIZE, layout.STRIP_WIDTH)
        grid = torch.stack((x[:, None, :].expand(strip), y[:, :, None].expand(strip)), dim=-1)
        # People below each other in one grid: grid_sample would want the picture once per person.
        tall = grid.reshape(1, people * layout.CROP_SIZE, layout.STRIP_WIDTH, 2)
        planes = picture.permute(2, 0, 1)[None]
        cut = F.grid_sample(planes, tall, "bilinear", "zeros", align_corners=False)
        cut = cut.reshape(3, people, layout.CROP_SIZE, layout.STRIP_WIDTH).transpose(0, 1)
        return cut / 255.0


class Fused(nn.Module):
    """image [H, W, 3] uint8 RGB, crops [N, 3] -> raw, rotations, joints, keypoints, camera; sizes
    and number of people are free.
    """

    inputs: tuple[str, ...] = ("image", "crops")
    outputs: tuple[str, ...] = ("raw", *BodyGraph.outputs)

    def __init__(self, regressor: Regressor, ehm: Ehm) -> None:
        super().__init__()
        self.cut, self.regressor, self.body = Cut(), regressor, BodyGraph(ehm)

    def forward(self, image: Tensor, crops: Tensor) -> tuple[Tensor, ...]:
        raw: Tensor = self.regressor(self.cut(image, crops))
        outputs: tuple[Tensor, ...] = self.body(raw)
        return (raw, *outputs)

    def example(self) -> tuple[Tensor, ...]:
        picture = torch.randint(0, 256, (300, 400, 3), dtype=torch.uint8)
        return picture, torch.tensor([[200.0, 150.0, 250.0], [120.0, 140.0, 300.0]])

    def dynamic_shapes(self) -> tuple[dict[int, torch.export.Dim], ...]:
        """Free axes of each input."""
        size = {
            0: torch.export.Dim("H", min=2, max=32768),
            1: torch.export.Dim("W", min=2, max=32768),
        }
        return size, {0: torch.export.Dim("N", min=1, max=4096)}


def trace_fused(graph: Fused) -> ir.Model:
    """The ONNX graph; all that it does with the uint8 picture is to cast it, since TensorRT can do
    nothing else with one.
    """
    model = trace(graph)
    picture = model.graph.inputs[0]
    users = [node for node, _ in picture.uses()]
    cast = next(node for node in users if node.op_type == "Cast")
    model.graph.remove(cast)
    model.graph.insert_before(model.graph[0], cast)
    for node in users:
        if node is not cast:
            node.replace_input_with(list(node.inputs).index(picture), cast.outputs[0])
    return model
