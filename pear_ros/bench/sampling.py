"""Durations of calls that take turns, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Block = Callable[[float], list[float]]
"""Runs for about that many seconds, at least one call; returns the seconds of every call."""
Clock = Callable[[], float]
Progress = Callable[[int, int], None]

TURN = 0.1
"""Seconds of one turn."""
STEADY = 0.95
"""A row is warm once a turn's median is no longer below this part of the turn's before."""
MOST_WARM_UP_TURNS = 30
FEWEST_CALLS, FEWEST_SLOW_CALLS = 8, 3
"""The second of rows that have had SLOW times the seconds they were given."""
SLOW = 5.0


@dataclass(frozen=True)
class Samples:
    """Seconds of the calls that count; warm_up: calls before them; steady: whether they had stopped
    getting faster by then.
    """

    seconds: tuple[float, ...]
    warm_up: int
    steady: bool


def block(call: Callable[[], object], clock: Clock = time.perf_counter) -> Block:
    """Repeated calls of one function."""

    def run(seconds: float) -> list[float]:
        durations: list[float] = []
        begin = last = clock()
        while not durations or last - begin < seconds:
            call()
            now = clock()
            durations.append(now - last)
            last = now
        return durations

    return run


def interleaved(
    blocks: Mapping[str, Block], seconds: float, progress: Progress = lambda done, total: None
) -> dict[str, Samples]:
    """Samples of every row, at least `seconds` long and FEWEST_CALLS many, taken turn by turn.

    Each row warms up first, until it no longer gets faster. The first of several calls of a turn
    does not count: it finds the caches full of another row's data.
    """
    turn = min(TURN, seconds)
    warm = {}
    for done, (name, run) in enumerate(blocks.items()):
        progress(done, 2 * len(blocks))
        warm[name] = _warm_up(run, turn)
    kept: dict[str, list[float]] = {name: [] for name in blocks}
    open_rows = list(blocks)
    while open_rows:
        for name in open_rows:
            durations = blocks[name](turn)
            kept[name] += durations[1:] if len(durations) > 1 else durations
        open_rows = [name for name in open_rows if not _enough(kept[name], seconds)]
        progress(2 * len(blocks) - len(open_rows), 2 * len(blocks))
    return {name: Samples(tuple(kept[name]), *warm[name]) for name in blocks}


def _enough(durations: list[float], seconds: float) -> bool:
    spent = sum(durations)
    fewest = FEWEST_CALLS if spent < SLOW * seconds else FEWEST_SLOW_CALLS
    return spent >= seconds and len(durations) >= fewest


def _warm_up(run: Block, turn: float) -> tuple[int, bool]:
    calls, before = 0, float("inf")
    for _ in range(MOST_WARM_UP_TURNS):
        durations = run(turn)
        calls += len(durations)
        median = statistics.median(durations)
        if median >= STEADY * before:
            return calls, True
        before = median
    return calls, False
