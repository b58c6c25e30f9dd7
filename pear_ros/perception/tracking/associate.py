"""Who belongs to whom: the cheapest one-to-one assignment, exactly.

Greedy choice in the order of cost fails where it matters: of two people who cross, one may be near
both places, and the pair that is best on its own then leaves the other with a stranger. People are
few, so the exact answer (Hungarian method with potentials, O(n^3)) is affordable; and where
everybody's best choice differs, as in almost all frames, it is found without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def assign(cost: FloatArray, most: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost (N, M), sorted by row; nobody is used twice.

    A row or column may stay alone, at the price of `most` per pair forgone; dearer pairs never
    match. Costs may be infinite, not NaN.
    """
    rows, columns = cost.shape
    if not rows or not columns:
        return []
    best = cost.argmin(axis=1)
    cheap = cost[np.arange(rows), best] < most
    chosen = best[cheap]
    if len(set(chosen.tolist())) == len(chosen):
        return [(int(i), int(best[i])) for i in np.flatnonzero(cheap)]
    # One more column per row, in which it stays alone.
    alone = np.full((rows, rows), np.inf)
    np.fill_diagonal(alone, most)
    finite = np.where(cost < most, cost, np.inf)
    table = np.concatenate([finite, alone], axis=1)
    # Infinite entries would make differences undefined; nothing can be worth this much.
    table = np.where(np.isfinite(table), table, 4.0 * (rows + 1) * (abs(most) + 1.0))
    matched = hungarian(table.tolist())
    return [(i, j) for i, j in enumerate(matched) if j < columns and cost[i, j] < most]


def hungarian(cost: Sequence[Sequence[float]]) -> list[int]:
    """Column of each row in the assignment of least total cost; at least as many columns as rows.

    Shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957; in the form of Jonker and
    Volgenant 1987), one row at a time.
    """
    rows, columns = len(cost), len(cost[0])
    row_price, column_price = [0.0] * rows, [0.0] * columns
    owner = [-1] * columns
    for start in range(rows):
        shortest = [float("inf")] * columns
        previous = [-1] * columns
        done = [False] * columns
        row, end = start, -1
        while True:
            # Reduced costs from this row, added to the way that led here.
            so_far = 0.0 if end < 0 else shortest[end]
            least, nearest = float("inf"), -1
            for j in range(columns):
                if done[j]:
                    continue
                way = so_far + cost[row][j] - row_price[row] - column_price[j]
                if way < shortest[j]:
                    shortest[j], previous[j] = way, end
                if shortest[j] < least:
                    least, nearest = shortest[j], j
            end = nearest
            done[end] = True
            if owner[end] < 0:
                break
            row = owner[end]
        total = shortest[end]
        row_price[start] += total
        for j in range(columns):
            if done[j] and j != end:
                row_price[owner[j]] += total - shortest[j]
                column_price[j] -= total - shortest[j]
        while end >= 0:
            before = previous[end]
            owner[end] = owner[before] if before >= 0 else start
            end = before
    found = [-1] * rows
    for j, row in enumerate(owner):
        if row >= 0:
            found[row] = j
    return found
