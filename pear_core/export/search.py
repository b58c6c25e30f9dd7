"""Which modules a low precision must leave alone: found by measuring, not by knowing.

A module's own error (everything else in float32) says how much it adds; independent errors add up as
squares. So the modules that buy much speed for little error are lowered first, and the sum is then
measured and corrected, since errors are not quite independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray

from pear_core.export.interpret import Interpreter
from pear_core.export.naming import block, scope
from pear_core.export.precision import PRODUCTS, products

Score = Callable[[frozenset[str]], float]
"""Kept modules -> share of the limits that the rest, lowered, uses up (1 is at the limit)."""

TINY = 0.002
"""Modules with less than this share of the work stay float32: lowering them gains nothing."""
ENOUGH = 0.6
"""Share of the limits that may be used up on the searched crops: on other crops float16 came out 1.6
times as far (0.71 on 16, 1.18 on 256)."""


@dataclass(frozen=True)
class Found:
    """kept: modules that stay float32. alone: share of the limits that each other module uses up by
    itself; empty where lowering all of them was good enough. share: of the limits, of all together.
    lowered_work: share of the multiplications that are lowered.
    """

    kept: frozenset[str]
    alone: dict[str, float]
    share: float
    lowered_work: float


def work(
    model: ir.Model, strips: NDArray[np.float32], operators: frozenset[str] = PRODUCTS
) -> dict[str, float]:
    """Multiplications with weights of each `naming.block`, as a share of the whole network's.

    Only those of `operators` count; modules without any have 0.
    """
    sizes: dict[ir.Value, int] = {}

    def observe(value: ir.Value, tensor: torch.Tensor) -> None:
        sizes[value] = tensor.numel()

    Interpreter(model)({str(model.graph.inputs[0].name): strips[:1]}, observe)
    found: dict[str, float] = {}
    total = 0.0
    for node in products(model):
        weight = node.inputs[1]
        assert weight is not None and weight.shape is not None
        shape = weight.shape.numpy()
        # A convolution has its outputs first; a Gemm's place is told by transB.
        transposed = node.attributes.get("transB")
        first = node.op_type == "Conv" or (transposed is not None and bool(transposed.value))
        count = sizes[node.outputs[0]] * math.prod(shape) // (shape[0] if first else shape[-1])
        name = block(scope(node))
        found[name] = found.get(name, 0.0) + (count if node.op_type in operators else 0.0)
        total += count
    return {name: count / total for name, count in found.items()}


def search(
    shares: Mapping[str, float],
    score: Score,
    quick: Score,
    say: Callable[[str], None] = lambda _: None,
) -> Found:
    """The modules to keep, from `shares` of the work (see `work`) and scores that are measured.

    score decides; quick, on fewer crops, ranks the modules. Costs one measurement where everything
    can be lowered, else a quick one per module and a few more.
    """
    tiny = frozenset(name for name, share in shares.items() if share < TINY)
    units = [name for name in shares if name not in tiny]
    everything = score(tiny)
    if everything <= ENOUGH:
        return Found(tiny, {}, everything, sum(shares[u] for u in units))
    alone: dict[str, float] = {}
    for number, unit in enumerate(units, start=1):
        alone[unit] = quick(frozenset(shares) - {unit})
        say(f"{number}/{len(units)} {unit}: {alone[unit]:.2f} of the limit")
    # Cheapest error per unit of work first.
    order = sorted(units, key=lambda unit: alone[unit] ** 2 / shares[unit])
    lowered: list[str] = []
    spent = 0.0
    for unit in order:
        if spent + alone[unit] ** 2 <= ENOUGH**2:
            lowered.append(unit)
            spent += alone[unit] ** 2
    while True:
        kept = frozenset(shares) - frozenset(lowered)
        share = score(kept)
        if share <= ENOUGH or not lowered:
            done = sum(shares[u] for u in lowered)
            return Found(kept, alone, share, done)
        del lowered[-max(1, len(lowered) // 8) :]
