"""Errors of a replayed bag against ground truth that lies in the same bag.

Ground truth is a `pear/msg/HumanArray` topic with the stamps of the pictures. People are matched per frame by
the distance of their key points in the picture, smallest first; what stays unmatched is counted.
Metrics follow PEAR facts 9.3: MPJPE after putting the pelvises together, PA-MPJPE after a similarity
Procrustes without reflection, both over the 22 body joints and in millimetres.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy

BODY = len(anatomy.BODY_JOINTS)


@dataclass(frozen=True)
class Seen:
    """One person of one frame: joints (145, 3) metres, keypoints (145, 2) pixels, track id."""

    joints: NDArray[np.floating]
    keypoints: NDArray[np.floating]
    track_id: int


@dataclass(frozen=True)
class TruthErrors:
    """Mean errors over all matched people; positions and joints in millimetres, key points in pixels."""

    frames: int
    people: int
    matched: int
    missed: int
    extra: int
    id_switches: int
    mpjpe: float
    pa_mpjpe: float
    hand_pa_mpjpe: float
    keypoint_px: float
    position_mm: float


def procrustes(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Source (J, 3) moved, turned and scaled onto target (J, 3) with least squared error, never reflected."""
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    mean_a, mean_b = a.mean(0), b.mean(0)
    a0, b0 = a - mean_a, b - mean_b
    u, s, vt = np.linalg.svd(a0.T @ b0)
    sign = np.ones(3)
    sign[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign) @ vt
    spread = (a0**2).sum()
    scale = (s * sign).sum() / spread if spread > 0 else 1.0
    return scale * a0 @ rotation + mean_b


def _mean_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean())


def _pairs(truth: Sequence[Seen], found: Sequence[Seen]) -> list[tuple[int, int]]:
    """Greedy one-to-one match by mean key-point distance; further apart than half the person's height is no match."""
    candidates = []
    for i, t in enumerate(truth):
        height = float(np.ptp(t.keypoints[:BODY, 1])) + float(np.ptp(t.keypoints[:BODY, 0]))
        for j, f in enumerate(found):
            distance = _mean_distance(t.keypoints[:BODY], f.keypoints[:BODY])
            if distance < 0.5 * height:
                candidates.append((distance, i, j))
    pairs: list[tuple[int, int]] = []
    for _, i, j in sorted(candidates):
        if all(i != k and j != m for k, m in pairs):
            pairs.append((i, j))
    return pairs


def compare(
    truth: Mapping[int, Sequence[Seen]], found: Mapping[int, Sequence[Seen]]
) -> TruthErrors:
    """Compare people by stamp; frames that only one side has count as missed or extra people."""
    sums: dict[str, list[float]] = {k: [] for k in ("mpjpe", "pa", "hand", "px", "pos")}
    missed = extra = switches = 0
    last: dict[int, int] = {}
    for stamp in sorted(set(truth) | set(found)):
        there, seen = truth.get(stamp, ()), found.get(stamp, ())
        pairs = _pairs(there, seen)
        missed += len(there) - len(pairs)
        extra += len(seen) - len(pairs)
        for i, j in pairs:
            t, f = there[i], seen[j]
            switches += last.get(t.track_id, f.track_id) != f.track_id
            last[t.track_id] = f.track_id
            tj, fj = t.joints[:BODY], f.joints[:BODY]
            sums["mpjpe"].append(_mean_distance(fj - fj[0], tj - tj[0]))
            sums["pa"].append(_mean_distance(procrustes(fj, tj), tj))
            for hand in (anatomy.LEFT_HAND, anatomy.RIGHT_HAND):
                th, fh = t.joints[hand], f.joints[hand]
                sums["hand"].append(_mean_distance(procrustes(fh, th), th))
            sums["px"].append(_mean_distance(f.keypoints[:BODY], t.keypoints[:BODY]))
            sums["pos"].append(float(np.linalg.norm(f.joints[0] - t.joints[0])))

    def mean(name: str, scale: float) -> float:
        return scale * float(np.mean(sums[name])) if sums[name] else float("nan")

    return TruthErrors(
        frames=len(truth),
        people=sum(map(len, truth.values())),
        matched=len(sums["mpjpe"]),
        missed=missed,
        extra=extra,
        id_switches=switches,
        mpjpe=mean("mpjpe", 1e3),
        pa_mpjpe=mean("pa", 1e3),
        hand_pa_mpjpe=mean("hand", 1e3),
        keypoint_px=mean("px", 1.0),
        position_mm=mean("pos", 1e3),
    )


def people(humans: Iterable[object]) -> tuple[Seen, ...]:
    """The people of a decoded `pear/msg/HumanArray` (its `humans` field), whoever decoded it."""
    return tuple(
        Seen(
            np.asarray(h.joints, np.float64).reshape(-1, 3),  # type: ignore[attr-defined]
            np.asarray(h.keypoints, np.float64).reshape(-1, 2),  # type: ignore[attr-defined]
            int(h.track_id),  # type: ignore[attr-defined]
        )
        for h in humans
    )
