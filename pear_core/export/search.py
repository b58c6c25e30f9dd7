"""Which modules a low precision must leave alone: found by measuring, not by knowing.

A part's own error (everything else in float32) says how much it adds; independent errors add up as
squares. So the parts that buy much speed for little error are lowered first, and the sum is then
measured and corrected, since errors are not quite independent. Parts are whole groups of modules
where these are good enough, and pieces of them where not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray

from pear_core.export.interpret import Interpreter
from pear_core.export.naming import block, group, scope
from pear_core.export.precision import PRODUCTS, products

Score = Callable[[frozenset[str]], float]
"""Kept modules -> share of the limits that the rest, lowered, uses up (1 is at the limit)."""

TINY = 0.002
"""Modules with less than this share of the work stay float32: lowering them gains nothing."""
PIECES, WORTH = 4, 0.02
"""A group that is not good enough is measured in so many pieces, and these again; but not what has
less than this share of the work, which stays float32 as a whole."""
ENOUGH = 0.6
"""Share of the limits that may be used up on the searched crops: on other crops float16 came out 1.6
times as far (0.71 on 16, 1.18 on 256)."""


@dataclass(frozen=True)
class Found:
    """kept: modules that stay float32. alone: share of the limits that each other part uses up by
    itself (see `label`); empty where lowering all of them was good enough. share: of the limits, of
    all together. lowered_work: share of the multiplications that are lowered.
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

    score decides; quick, on fewer crops, ranks the parts. Costs one measurement where everything
    can be lowered, else a quick one per part and a few more.
    """
    tiny = frozenset(name for name, share in shares.items() if share < TINY)
    everything = score(tiny)
    say(f"all modules: {everything:.2f} of the limit")
    if everything <= ENOUGH:
        return Found(tiny, {}, everything, sum(shares[u] for u in shares if u not in tiny))
    alone = dict(_measured(shares, [u for u in shares if u not in tiny], quick, say))

    def cost(part: tuple[str, ...]) -> float:
        return alone[part] ** 2 / sum(shares[u] for u in part)

    waiting = list(alone)
    lowered: list[tuple[str, ...]] = []
    spent = 0.0
    while waiting:
        # Cheapest error per unit of work first.
        part = min(waiting, key=cost)
        waiting.remove(part)
        if spent + alone[part] ** 2 <= ENOUGH**2:
            lowered.append(part)
            spent += alone[part] ** 2
        elif alone[part] <= ENOUGH and len(part) > 1:
            # Perhaps some of it is still affordable.
            del alone[part]
            for piece in _pieces(part):
                alone[piece] = _alone(shares, piece, quick, say)
                waiting.append(piece)
    while True:
        units = [unit for part in lowered for unit in part]
        kept = frozenset(shares) - frozenset(units)
        share = score(kept)
        done = sum(shares[unit] for unit in units)
        say(f"{done:.0%} of the work lowered: {share:.2f} of the limit")
        if share <= ENOUGH or not lowered:
            told = {label(part): error for part, error in alone.items()}
            return Found(kept, told, share, done)
        del lowered[-max(1, len(lowered) // 8) :]


def filled(
    shares: Mapping[str, float],
    found: Found,
    score: Score,
    say: Callable[[str], None] = lambda _: None,
) -> Found:
    """`found` with the tiny modules lowered, too, that follow a lowered one of their group and are
    not followed by a kept one: they gain nothing, but to go to float32 and back costs. As it was
    where that is not good enough.
    """

    def lowered(units: list[str]) -> bool | None:
        large = [unit for unit in units if shares[unit] >= TINY]
        return large[0] not in found.kept if large else None

    more = set()
    for unit in found.kept:
        beside = [other for other in shares if group(other) == group(unit)]
        place = beside.index(unit) if unit in beside else 0
        before, after = lowered(beside[:place][::-1]), lowered(beside[place + 1 :])
        if shares[unit] < TINY and before and after is not False:
            more.add(unit)
    if not more:
        return found
    kept = found.kept - more
    share = score(kept)
    say(f"with the tiny modules between them: {share:.2f} of the limit")
    if share > ENOUGH:
        return found
    return Found(kept, found.alone, share, found.lowered_work + sum(shares[u] for u in more))


def label(part: tuple[str, ...]) -> str:
    """A part in words: its module, or the first and last of several."""
    return part[0] if len(part) == 1 else f"{part[0]} to {part[-1]}"


def _measured(
    shares: Mapping[str, float], units: list[str], quick: Score, say: Callable[[str], None]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Parts, and the share of the limits that each uses up by itself; good ones as large as groups."""
    groups: dict[str, list[str]] = {}
    for unit in units:
        groups.setdefault(group(unit), []).append(unit)
    open_parts = [tuple(members) for members in reversed(groups.values())]
    while open_parts:
        part = open_parts.pop()
        error = _alone(shares, part, quick, say)
        share = sum(shares[unit] for unit in part)
        if error <= ENOUGH or len(part) == 1 or share < WORTH:
            yield part, error
            continue
        open_parts += reversed(_pieces(part))


def _pieces(part: tuple[str, ...]) -> list[tuple[str, ...]]:
    size = -(-len(part) // PIECES)
    return [part[i : i + size] for i in range(0, len(part), size)]


def _alone(
    shares: Mapping[str, float], part: tuple[str, ...], quick: Score, say: Callable[[str], None]
) -> float:
    error = quick(frozenset(shares) - frozenset(part))
    share = sum(shares[unit] for unit in part)
    say(f"{label(part)}, {share:.0%} of the work: {error:.2f} of the limit")
    return error
