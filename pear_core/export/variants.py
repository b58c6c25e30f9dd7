"""Lower precisions of one float32 network graph: which modules, which scales, which graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray

from pear_core.body.ehm import Ehm
from pear_core.export.calibration import batches, strips
from pear_core.export.fused import GEOMETRY, Fused, trace_fused
from pear_core.export.interpret import Interpreter
from pear_core.export.naming import inside, scope
from pear_core.export.onnx_export import unpack, write_graph
from pear_core.export.parity import (
    FloatArray,
    ParityReport,
    body_outputs,
    compared,
    joined,
)
from pear_core.export.precision import LOW, convolutional, lower, lowered_products, products
from pear_core.export.quantise import activation_scales, quantise, quantise_weights, targets
from pear_core.export.rounding import Weights, replace_weights, rounded_weights
from pear_core.export.search import ENOUGH, Found, Score, filled, search, work

Lower = Literal["f16", "bf16", "w8", "int8"]
"""Everything below float32. "w8" is INT8 for the weights only."""
LOWER: tuple[str, ...] = get_args(Lower)
SEARCHED = 16
"""Crops that the sensitivity of parts is measured on."""


_STEM = "backbone.patches.encoder"
EARLY = frozenset(
    {f"{_STEM}.{name}" for name in ("first", "first_depth", "first_point")}
    | {f"{_STEM}.blocks.{number}" for number in range(10)}
)
"""The pretrained stem up to its fine map: never in bfloat16. Few crops do not show what that costs: with
blocks 6 to 9 lowered 64 crops used up 0.48 of the limits, and one of 256 others 2.1 (12 pixels)."""


@dataclass(frozen=True)
class Recipe:
    """How a variant is made of the float32 graph. kept: modules that stay float32. scales: of
    activations, for "int8". weights: rounded together, for "bf16". rest: "bf16" where engines may
    round to bfloat16 whatever in an INT8 graph is float32, modules that were kept included.
    """

    precision: Lower
    found: Found
    scales: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Weights] = field(default_factory=dict)
    rest: Literal["f32", "bf16"] = "f32"

    @property
    def kept(self) -> frozenset[str]:
        return self.found.kept


def load_graph(path: Path) -> ir.Model:
    """A float32 graph of a bundle with its weights as float32 initialisers."""
    model = ir.load(path)
    unpack(model)
    return model


def apply(model: ir.Model, recipe: Recipe) -> None:
    """Rewrite a float32 network graph in place. Raises PrecisionError."""
    if recipe.precision == "int8":
        quantise(model, recipe.scales, recipe.kept)
    elif recipe.precision == "w8":
        quantise_weights(model, recipe.kept)
    else:
        lowered = [n for n in products(model) if not inside(scope(n), recipe.kept)]
        names = {str(node.name) for node in lowered}
        replace_weights(model, {n: w for n, w in recipe.weights.items() if n in names})
        lower(model, recipe.precision, recipe.kept)


def recipe(
    network: Path,
    precision: Lower,
    ehm: Ehm,
    calibration: NDArray[np.uint8],
    say: Callable[[str], None] = lambda _: None,
) -> Recipe:
    """Search what of the float32 graph `network` can be lowered within the limits.

    calibration: RGB squares [N, 256, 256, 3], other ones than those of the parity report.
    """
    inputs = strips(calibration)
    step = max(1, len(inputs) // SEARCHED)
    model = load_graph(network)
    scales = {}
    if precision == "int8":
        say("scales of the activations")
        scales = activation_scales(model, batches(inputs), targets(model))
    weights = {}
    if precision == "bf16":
        say("weights that are rounded together")
        weights = rounded_weights(model, batches(inputs[::2]))
    exact = outputs_of(model, inputs, ehm)

    def scored(every: int) -> Score:
        crops = inputs[::every]
        expected = {name: values[::every] for name, values in exact.items()}

        def score(kept: frozenset[str]) -> float:
            tried = load_graph(network)
            apply(tried, Recipe(precision, Found(kept, {}, 0.0, 0.0), scales, weights))
            return reported(expected, outputs_of(tried, crops, ehm), precision).share_of_limits()

        return score

    few = inputs[::step]
    shares = work(model, few, lowered_products(precision))
    if precision == "bf16":
        shares |= {unit: 0.0 for unit in shares if inside(unit, EARLY)}
    found = search(shares, scored(1), scored(step), say)
    if precision in LOW:
        found = filled(shares, found, scored(1), say)
    rest: Literal["f32", "bf16"] = "f32"
    if precision == "int8":
        share = rest_share(network, found, scales, exact, inputs, ehm)
        say(f"with everything else in bfloat16: {share:.2f} of the limit")
        rest = "bf16" if share <= ENOUGH else "f32"
    return Recipe(precision, found, scales, weights, rest)


def rest_share(
    network: Path,
    found: Found,
    scales: dict[str, float],
    exact: dict[str, FloatArray],
    inputs: NDArray[np.float32],
    ehm: Ehm,
) -> float:
    """Share of the INT8 limits used up where everything that stays float in the INT8 graph, kept
    modules included, is rounded to bfloat16; exact: what the float32 graph says about `inputs`.
    """
    tried = load_graph(network)
    apply(tried, Recipe("int8", found, scales))
    lower(tried, "bf16")
    return reported(exact, outputs_of(tried, inputs, ehm), "int8").share_of_limits()


def write_variant(network: Path, out: Path, recipe: Recipe, metadata: dict[str, str]) -> None:
    """Write the graph of `recipe`. Raises PrecisionError."""
    model = load_graph(network)
    apply(model, recipe)
    write_graph(model, out, metadata)


def write_fused(graph: Fused, out: Path, recipe: Recipe | None, metadata: dict[str, str]) -> None:
    """Write the graph for engines on a GPU, its network as `recipe` says (None: float32)."""
    model = trace_fused(graph)
    if recipe is not None:
        # TensorRT reads earlier operator sets more surely than `LATE_OPSET`.
        full = convolutional(model) if recipe.precision == "bf16" else frozenset()
        kept = replace(recipe.found, kept=recipe.kept | GEOMETRY | full)
        apply(model, replace(recipe, found=kept))
    write_graph(model, out, metadata)


def described(recipe: Recipe) -> dict[str, Any]:
    """What the manifest says of a lowered graph. "rest" is how engines run it, and so how the parity
    report measures it.
    """
    return {
        "computes": recipe.precision,
        "float32_modules": sorted(recipe.kept),
        "lowered_share_of_work": round(recipe.found.lowered_work, 4),
        **({"rest": recipe.rest} if recipe.precision == "int8" else {}),
    }


def outputs_of(model: ir.Model, inputs: NDArray[np.float32], ehm: Ehm) -> dict[str, FloatArray]:
    """What a network graph says about strips, computed in exactly its types, body in float32."""
    run = Interpreter(model)
    name = str(model.graph.inputs[0].name)
    raws = [torch.from_numpy(run({name: part})["raw"]) for part in batches(inputs)]
    return joined([body_outputs(raw, ehm) for raw in raws])


def reported(
    expected: dict[str, FloatArray], found: dict[str, FloatArray], precision: str
) -> ParityReport:
    return compared(expected, found, engine="types of the graph", precision=precision)
