"""How well identities are kept: CLEAR MOT counts and IDF1.

Sources: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics" (2008); Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera
Tracking" (2016).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """One frame: who is there and who was found.

    truth (N), found (M): ids. similarity (N, M): 1 equal, 0 nothing in common. needed (N):
    False for people nobody can see; who finds them all the same is neither rewarded nor punished.
    None needs everybody.
    """

    truth: Sequence[int]
    found: Sequence[int]
    similarity: FloatArray
    needed: Sequence[bool] | None = None


@dataclass(frozen=True)
class Identities:
    """Counts over a sequence.

    people: people to be found, over all frames. hits, misses, false_alarms: of them and of those
    found. switches: how often somebody was found under another id than the time before. breaks: how
    often somebody who had been found was missed and found again. id_hits: hits under the one id per
    person that makes them most.
    """

    people: int
    hits: int
    misses: int
    false_alarms: int
    switches: int
    breaks: int
    id_hits: int

    @property
    def mota(self) -> float:
        """1 - (misses + false alarms + switches) / people."""
        wrong = self.misses + self.false_alarms + self.switches
        return 1.0 - wrong / self.people if self.people else float("nan")

    @property
    def idf1(self) -> float:
        """Harmonic mean of the precision and the recall of identities."""
        total = 2 * self.hits + self.misses + self.false_alarms
        return 2.0 * self.id_hits / total if total else float("nan")


def identities(frames: Iterable[Seen], least: float = 0.5) -> Identities:
    """Counts of a sequence; pairs less similar than `least` never match.

    Matches of the frame before are kept while they stay possible; the others are the ones with the
    largest sum of similarities.
    """
    last: dict[int, int] = {}
    current: dict[int, int] = {}
    together: Counter[tuple[int, int]] = Counter()
    missing: set[int] = set()
    people = hits = alarms = switches = breaks = 0
    for frame in frames:
        similarity = _checked(frame)
        pairs = _matched(frame, similarity, current, least)
        needed = [True] * len(frame.truth) if frame.needed is None else list(frame.needed)
        current = {frame.truth[i]: frame.found[j] for i, j in pairs}
        people += sum(needed)
        alarms += len(frame.found) - len(pairs)
        found = dict(pairs)
        for i, (person, counts) in enumerate(zip(frame.truth, needed, strict=True)):
            if not counts:
                continue
            if i not in found:
                if person in last:
                    missing.add(person)
                continue
            label = frame.found[found[i]]
            hits += 1
            switches += person in last and last[person] != label
            breaks += person in missing
            missing.discard(person)
            last[person] = label
        for person, label in _overlaps(frame, similarity, needed, least):
            together[person, label] += 1
    return Identities(
        people, hits, people - hits, alarms, switches, breaks, _most(together)
    )


def point_similarity(truth: FloatArray, found: FloatArray, size: FloatArray) -> FloatArray:
    """1 - mean distance / size, at least 0: (N, M) of points (N, J, D) and (M, J, D), size (N,)."""
    apart = np.linalg.norm(truth[:, None] - found[None], axis=-1).mean(axis=-1)
    return np.asarray(np.clip(1.0 - apart / size[:, None], 0.0, 1.0))


def _checked(frame: Seen) -> FloatArray:
    shape = (len(frame.truth), len(frame.found))
    similarity = np.asarray(frame.similarity, dtype=np.float64).reshape(shape)
    for name, ids in (("truth", frame.truth), ("found", frame.found)):
        if len(set(ids)) != len(ids):
            raise ValueError(f"{name}: expected different ids in a frame, found {list(ids)}")
    return similarity


def _matched(
    frame: Seen, similarity: FloatArray, current: dict[int, int], least: float
) -> list[tuple[int, int]]:
    column = {label: j for j, label in enumerate(frame.found)}
    pairs = [
        (i, column[current[person]])
        for i, person in enumerate(frame.truth)
        if current.get(person) in column and similarity[i, column[current[person]]] >= least
    ]
    rows = [i for i in range(len(frame.truth)) if i not in {a for a, _ in pairs}]
    columns = [j for j in range(len(frame.found)) if j not in {b for _, b in pairs}]
    left = similarity[np.ix_(rows, columns)]
    # More matches come before better ones.
    gain = np.where(left >= least, left + len(frame.truth) + len(frame.found), 0.0)
    for a, b in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if left[a, b] >= least:
            pairs.append((rows[a], columns[b]))
    return pairs


def _overlaps(
    frame: Seen, similarity: FloatArray, needed: Sequence[bool], least: float
) -> list[tuple[int, int]]:
    """Every pair of this frame that could be one person (Ristani et al. count them all)."""
    return [
        (person, label)
        for i, person in enumerate(frame.truth)
        for j, label in enumerate(frame.found)
        if needed[i] and similarity[i, j] >= least
    ]


def _most(together: Counter[tuple[int, int]]) -> int:
    """Largest sum of frames over one-to-one maps of people to ids."""
    people = sorted({p for p, _ in together})
    labels = sorted({label for _, label in together})
    frames = np.array([[together[p, label] for label in labels] for p in people], dtype=np.int64)
    if not frames.size:
        return 0
    rows, columns = linear_sum_assignment(frames, maximize=True)
    return int(frames[rows, columns].sum())
