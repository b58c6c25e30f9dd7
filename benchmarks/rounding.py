"""Which part of a model cannot bear rounding: python benchmarks/rounding.py [BUNDLE] [--crops N]

Weights, inputs and outputs of the linear layers and convolutions of one part are rounded, all else is
float32; the mean vertex error against the exact model on the first crops of models/parity_crops.
"centred" takes the constant part out of the stem's bottlenecks first, which changes nothing in exact
arithmetic. Writes benchmarks/results/rounding.json. Needs torch.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pear_core.body.ehm import Ehm
from pear_core.export.crops import load_crops
from pear_core.export.naming import inside
from pear_core.export.parity import body_outputs, compared
from pear_core.export.variants import EARLY
from pear_core.model.checkpoint import load
from pear_core.model.regressor import Regressor
from pear_core.model.stem import PretrainedStem
from pear_ros.assets import body_dir, find, model_dir
from pear_ros.output.machine import machine, versions

RESULT = Path(__file__).parent / "results" / "rounding.json"
ENCODER = "backbone.patches.encoder"
FIRST_BLOCKS = tuple(f"{ENCODER}.blocks.{i}." for i in range(5))
PARTS: dict[str, Callable[[str], bool]] = {
    "everything": lambda name: True,
    "stem": lambda name: name.startswith(ENCODER),
    "stem_first_five_blocks": lambda name: name.startswith(FIRST_BLOCKS),
    "stem_after_fine_map": lambda name: name.startswith(ENCODER) and not inside(name, EARLY),
    "transformer": lambda name: name.startswith("backbone.blocks"),
    "decoder": lambda name: name.startswith("decoder"),
    "heads": lambda name: name.startswith("heads"),
    "all_but_stem": lambda name: not name.startswith(ENCODER),
}
FINE_AFTER = 10


def rounded(
    model: Regressor,
    planes: Tensor,
    part: Callable[[str], bool],
    to: torch.dtype,
    weights: bool = True,
    values: bool = True,
) -> Tensor:
    """Raw output with one part rounded."""
    model = copy.deepcopy(model)
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d) or not part(name):
            continue
        if weights:
            layer.weight.data = layer.weight.data.to(to).float()
        if values:
            layer.register_forward_pre_hook(lambda _, given: tuple(x.to(to).float() for x in given))
            layer.register_forward_hook(lambda _, given, out: out.to(to).float())
    return model.forward_square(planes)


class Shifted(nn.Module):
    """A norm of values from which a constant was taken."""

    def __init__(self, norm: nn.Module, constant: Tensor) -> None:
        super().__init__()
        self.norm, self.constant = norm, constant

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.constant)
        return out


def centred(model: Regressor, planes: Tensor) -> Regressor:
    """The same model with bottlenecks of mean 0: their means move into the biases around them."""
    model = copy.deepcopy(model)
    stem: Any = model.backbone.patches
    means: dict[Any, Tensor] = {}
    encoder = stem.encoder
    for layer in (encoder.first_point, *encoder.blocks):
        layer.register_forward_hook(lambda m, _, out: means.update({m: out.mean((0, 2, 3))}))
    model.forward_square(planes)
    constant = means[encoder.first_point]
    encoder.first_point.bias.data -= constant
    for number, block in enumerate(encoder.blocks, start=1):
        block.widen.bias.data += block.widen.weight[:, :, 0, 0] @ constant
        mean = means[block]
        block.narrow.bias.data -= (mean - constant) if block.residual else mean
        constant = mean
        if number == FINE_AFTER:
            stem.norms["fine"] = Shifted(stem.norms["fine"], mean)
    encoder.widen.bias.data += encoder.widen.weight[:, :, 0, 0] @ constant
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="pear_vit_ti")
    parser.add_argument("--crops", type=int, default=48)
    options = parser.parse_args()
    regressor, _ = load(model_dir(options.bundle) / "model.safetensors")
    model, ehm = regressor.eval(), Ehm.from_folder(body_dir())
    squares = load_crops(find("parity_crops/crops.npz"))[: options.crops]
    planes = torch.from_numpy(np.ascontiguousarray(squares.transpose(0, 3, 1, 2))).float() / 255.0
    found: dict[str, Any] = {}
    with torch.no_grad():
        exact = body_outputs(model.forward_square(planes), ehm)

        def error(raw: Tensor) -> float:
            report = compared(exact, body_outputs(raw, ehm), engine="torch", precision="bf16")
            return round(report.vertices.mean, 4)

        for kind, to in (("bf16", torch.bfloat16), ("f16", torch.float16)):
            values = {part: error(rounded(model, planes, p, to)) for part, p in PARTS.items()}
            if isinstance(model.backbone.patches, PretrainedStem):
                stem = PARTS["stem"]
                values["stem_weights_only"] = error(rounded(model, planes, stem, to, values=False))
                values["stem_values_only"] = error(rounded(model, planes, stem, to, weights=False))
                other = centred(model, planes)
                values["stem_centred"] = error(rounded(other, planes, stem, to))
            found[kind] = values
            for part, mm in values.items():
                print(f"{kind:5} {part:32} {mm:8.3f} mm")
    record = {
        "date": datetime.date.today().isoformat(), "machine": machine(), "versions": versions(),
        "model": options.bundle, "crops": len(squares), "mean_vertex_mm": found,
    }  # fmt: skip
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
