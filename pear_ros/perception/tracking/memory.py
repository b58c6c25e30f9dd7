"""What a track remembers of a person, and how badly what is seen now fits it.

Five cues, each a squared distance over the variance it has for one and the same person: where the
key points are in the picture, how the limbs stand, how far away, the shape, the colours. A cue
never counts more than `MOST`, so that one that broke (a light went out, a crop showed half of
somebody) does not outvote the others. The deviations were chosen on rendered people seen by the
shipped model, whose spread benchmarks/results/identities.json holds ("cues"): its shapes say little
about who somebody is and weigh accordingly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import BODY_JOINTS
from pear_ros.perception import boxes
from pear_ros.perception.crop import crop_rows
from pear_ros.perception.tracking import appearance
from pear_ros.perception.tracking.apart import Apart, expected
from pear_ros.perception.tracking.trail import Point
from pear_ros.types import Crop, FloatArray, RegressorOutput

Array = NDArray[np.float64]

BODY = slice(0, len(BODY_JOINTS))
SHAPES = 10
"""Shape coefficients that are compared."""
MOST = 6.0
GATE = 9.0
"""Misfit from which a body is somebody else's: more than any one cue can say."""
DOUBT = 4.0
"""Added where somebody who was not seen would come back by a body that overlaps another's (one and
the same body in two crops does not count)."""
COVERED = 0.12
"""Share of a body's box inside another's from which it is no longer seen clearly."""
BEFORE = 2.0
"""The most that place and pose can say each of people who come apart again."""
UNCLEAR = 0.3
"""Weight of shape and colours where another person covers part of the picture of somebody."""


@dataclass(frozen=True)
class Sights:
    """N bodies regressed in one picture.

    keypoints (N, 22, 2): body joints in pixels. side (N,): longer side of the body, pixels. pose
    (N, 22, 3): body joints from the pelvis, metres. far (N,): log of the distance. shape (N, 10):
    betas. colour (N, appearance.SIZE). clear (N,): nobody stands in front or close behind.
    """

    keypoints: Array
    side: Array
    pose: Array
    far: Array
    shape: Array
    colour: FloatArray
    clear: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True)
class Memory:
    """Of one person: the last body as in `Sights`, and running means of what lasts.

    seen: stamp (nanoseconds). anchored, anchor (22, 2): stamp and key points of the last clear
    sight. known: how many clear pictures the means hold. apart: the person in the last of them.
    """

    seen: int
    keypoints: Array
    anchored: int
    anchor: Array
    side: float
    pose: Array
    far: float
    shape: Array
    colour: FloatArray
    known: int
    apart: Apart


def sights(
    image: NDArray[np.uint8], output: RegressorOutput, keypoints: FloatArray, crops: Sequence[Crop]
) -> Sights:
    """What identifies the N people of a picture; keypoints (N, J, 2): in its pixels."""
    body = np.asarray(keypoints[:, BODY], dtype=np.float64)
    rows = boxes.spans(body)
    joints = output.joints[:, BODY].astype(np.float64)
    scale = np.maximum(output.camera[:, 2] * crop_rows(crops)[:, 2], 1e-3)
    return Sights(
        keypoints=body,
        side=np.maximum((rows[:, 2:] - rows[:, :2]).max(axis=1), 1.0),
        pose=joints - joints[:, :1],
        # Distance in units of an unknown focal length, which cancels in differences.
        far=-np.log(scale),
        shape=output.parameters.betas[:, :SHAPES].astype(np.float64),
        colour=appearance.describe(image, keypoints),
        clear=clear_of_others(rows),
    )


def none() -> Sights:
    """Nobody's."""
    empty = np.zeros((0, len(BODY_JOINTS), 3))
    colour = np.zeros((0, appearance.SIZE), np.float32)
    return Sights(
        empty[..., :2], empty[:, 0, 0], empty, empty[:, 0, 0], empty[:, :SHAPES, 0], colour,
        np.zeros(0, bool),
    )  # fmt: skip


def clear_of_others(rows: Array) -> NDArray[np.bool_]:
    """Which of the boxes (N, 4) lie less than COVERED of their area inside any other."""
    if len(rows) < 2:
        return np.ones(len(rows), bool)
    common = boxes.intersection(rows, rows)
    common.reshape(-1)[:: len(common) + 1] = 0.0
    area = np.maximum(boxes.area(rows), 1e-9)
    return np.asarray(common.max(axis=1, initial=0.0) < COVERED * area)


LONGEST = 40
"""Pictures in a running mean before old ones are forgotten."""


def begun(sights: Sights, i: int, stamp: int) -> Memory:
    """After a first sight."""
    points = sights.keypoints[i]
    return Memory(
        stamp, points, stamp, points, float(sights.side[i]), sights.pose[i], float(sights.far[i]),
        sights.shape[i], sights.colour[i], int(sights.clear[i]),
        Apart.begun(stamp, points, sights.pose[i]),
    )  # fmt: skip


def learned(
    memory: Memory, sights: Sights, i: int, stamp: int, anchored: bool, hidden: bool, pace: Point
) -> Memory:
    """With one sight more; from unclear ones only place and pose are taken.

    anchored: whether this is where the person is surely. hidden: whether the picture before did not
    show the person. pace: pixels per second.
    """
    shape, colour, known = memory.shape, memory.colour, memory.known
    points = sights.keypoints[i]
    apart = memory.apart.covered(hidden)
    if sights.clear[i]:
        known += 1
        apart = memory.apart.seen(stamp, points, sights.pose[i], pace, known)
        part = 1.0 / min(known, LONGEST)
        shape = shape + part * (sights.shape[i] - shape)
        colour = colour + part * (sights.colour[i] - colour)
    return Memory(
        stamp, points, stamp if anchored else memory.anchored,
        points if anchored else memory.anchor, float(sights.side[i]), sights.pose[i],
        float(sights.far[i]), shape, colour, known, apart,
    )  # fmt: skip


def picked(sights: Sights, chosen: Sequence[int]) -> Sights:
    """Some of the bodies."""
    rows = list(chosen)
    return Sights(**{f.name: getattr(sights, f.name)[rows] for f in fields(Sights)})


def misfit(
    memories: Sequence[Memory], points: Array, others: Array, age: Array,
    followed: NDArray[np.bool_], sights: Sights, alone: NDArray[np.bool_] | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Misfits (N, M) of N memories and M sights: of place and pose, and of looks.

    Together about 2 for one and the same person.

    points, others (N, 22, 2): where the body joints should be now, after age (N,) seconds, or might
    be as well (the same array, if nowhere else). followed (N,): people of whom the picture before
    was sure; half a view of them may have wrong colours. alone (M,): sights that no other covers,
    where they are known already.
    """
    if not memories or not len(sights):
        nothing = np.zeros((len(memories), len(sights)))
        return nothing, nothing
    alone = clear_of_others(boxes.spans(sights.keypoints)) if alone is None else alone
    age = age[:, None]
    side = np.array([m.side for m in memories])[:, None]
    apart = _mean_distance(points, sights.keypoints)
    if others is not points:
        apart = np.minimum(apart, _mean_distance(others, sights.keypoints))
    place = apart / side / (0.06 + np.minimum(0.5 * age, 0.4))
    pose = _mean_distance(np.array([m.pose for m in memories]), sights.pose)
    pose = pose / (0.08 + np.minimum(0.4 * age, 0.15))
    far = np.array([m.far for m in memories])[:, None] - sights.far
    far = far / (0.15 + np.minimum(0.3 * age, 0.2))
    shape = np.array([m.shape for m in memories])[:, None] - sights.shape
    shape = np.sqrt(np.einsum("nmi,nmi->nm", shape, shape)) / 0.8
    unlike = appearance.distances(np.array([m.colour for m in memories]), sights.colour)
    colour = np.where(np.isnan(unlike), 0.25, unlike) / 0.2
    lasting = np.where(followed[:, None] & ~alone, UNCLEAR, 1.0)
    known = np.array([m.known > 0 for m in memories])[:, None]
    # Half a view of a body has a shape of its own.
    whole = np.where(sights.clear, 1.0, UNCLEAR)
    where = np.minimum(place * place, MOST) + np.minimum(pose * pose, MOST)
    where += np.minimum(far * far, MOST) + DOUBT * (~followed[:, None] & ~alone)
    looks = whole * np.minimum(shape * shape, 0.5 * MOST)
    # Who comes back, seen well and in other clothes, is somebody else.
    most = np.where(followed[:, None] | ~sights.clear, MOST, 2.0 * MOST)
    looks += lasting * np.minimum(colour * colour, most)
    return where, np.asarray(known * looks)


def misfit_apart(memories: Sequence[Memory], sights: Sights, stamp: int) -> Array:
    """Misfits (N, M) of people who have come apart again, by what was known before they met.

    Facing and the way they went say little against clothes of different colours: people who meet
    may turn back.
    """
    before = [m.apart for m in memories]
    points, ages = expected(before, stamp)
    side = np.array([m.side for m in memories])[:, None]
    place = _mean_distance(points, sights.keypoints) / side / (0.15 + 0.1 * ages)
    pose = _mean_distance(np.array([a.stance for a in before]), sights.pose) / 0.12
    unlike = appearance.distances(np.array([m.colour for m in memories]), sights.colour)
    colour = np.where(np.isnan(unlike), 0.25, unlike) / 0.17
    total = np.minimum(place * place, BEFORE) + np.minimum(pose * pose, BEFORE)
    # The worst of one and the same person stays below GATE, other clothes alone do not.
    return np.asarray(0.9 * (total + np.minimum(colour * colour, 2.0 * MOST)))


def _mean_distance(a: Array, b: Array) -> Array:
    """(N, M) mean distances of points (N, J, D) and (M, J, D)."""
    squares = np.zeros((len(a), len(b), a.shape[1]))
    # One coordinate after the other: sums over an axis of two or three are slow.
    for i in range(a.shape[2]):
        away = a[:, None, :, i] - b[:, :, i]
        away *= away
        squares += away
    mean: Array = np.sqrt(squares, out=squares) @ np.full(a.shape[1], 1.0 / a.shape[1])
    return mean
