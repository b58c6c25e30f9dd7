"""Whose bodies these are, where more than one person comes into question."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from pear_ros.perception import boxes
from pear_ros.perception.tracking import memory
from pear_ros.perception.tracking.associate import assign
from pear_ros.perception.tracking.memory import GATE, Memory, Sights
from pear_ros.perception.tracking.tracks import Track
from pear_ros.perception.tracking.trail import Point

Array = NDArray[np.float64]

OWN = 1.5
"""Misfit that a body is forgiven in its own person's place: people seldom change crops."""
TOGETHER = 0.5
"""Part of the misfit of place and pose that counts where one body was seen in several people's
places."""
TAKEN = 4.0
"""Added where somebody who was not seen claims the body in the place of somebody who was."""


def settled(
    tracks: Sequence[Track], sights: Sights, wanted: Sequence[AbstractSet[int | None]], stamp: int
) -> dict[int, int]:
    """Body -> id of the track whose person it is; bodies of strangers are left out.

    sights: bodies of different people. wanted: for each of them, ids of the tracks in whose places
    it was seen.
    """
    known = [t for t in tracks if t.memory is not None]
    memories = [t.memory for t in known if t.memory is not None]
    if not known or not len(sights):
        return {}
    points, others, ages = _expected(known, memories, stamp)
    sure = np.array([not (t.hidden or t.denied) for t in known], dtype=bool)
    alone = memory.clear_of_others(boxes.spans(sights.keypoints))
    where, looks = memory.misfit(memories, points, others, ages, sure, sights, alone)
    for j, owners in enumerate(wanted):
        if len(owners) > 1:
            # It drew the crops of several people: looks say more than places whose it is.
            mine = [track.id in owners for track in known]
            where[mine, j] *= TOGETHER
    cost = where + looks
    by_id = {track.id: sure[i] for i, track in enumerate(known)}
    held = np.array(
        [any(by_id.get(n, False) for n in owners if n is not None) for owners in wanted]
    )
    cost += TAKEN * (~sure[:, None] & held[None])
    row = {track.id: i for i, track in enumerate(known) if sure[i]}
    for j, owners in enumerate(wanted):
        for i in (row[n] for n in owners if n in row):
            cost[i, j] = max(cost[i, j] - OWN, 0.0)
            if alone[j]:
                # Somebody who was here a moment ago stays, unless someone else fits better.
                cost[i, j] = min(cost[i, j], 0.9 * GATE)
    rows, columns = _come_apart(known, memories, wanted, alone)
    if rows:
        # What was seen while one covered the other does not count: it was anybody's.
        cost[np.ix_(rows, columns)] = memory.misfit_apart(
            [memories[i] for i in rows], memory.picked(sights, columns), stamp
        )
    return {j: known[i].id for i, j in assign(cost, GATE)}


def _come_apart(
    tracks: Sequence[Track],
    memories: Sequence[Memory],
    wanted: Sequence[AbstractSet[int | None]],
    alone: NDArray[np.bool_],
) -> tuple[list[int], list[int]]:
    """Rows of people who covered each other, and columns of the bodies that may be theirs, all of
    which can be seen apart now; none where nobody was out of sight meanwhile.
    """
    rows = [
        i for i, (track, m) in enumerate(zip(tracks, memories, strict=True))
        if m.known and (track.hidden or m.apart.stamp < m.seen)
    ]  # fmt: skip
    ids = {tracks[i].id for i in rows}
    columns = [j for j, owners in enumerate(wanted) if alone[j] and ids.issuperset(owners - {None})]
    unseen = any(tracks[i].hidden or memories[i].apart.unseen for i in rows)
    return (rows, columns) if unseen and len(rows) > 1 and len(columns) > 1 else ([], [])


def way(track: Track, stamp: int) -> Point:
    """Pixels that somebody who is not seen has gone since the last clear sight."""
    x, y = track.trail.expected(stamp)
    return x - track.trail.points[-1][0], y - track.trail.points[-1][1]


def _expected(
    tracks: Sequence[Track], memories: Sequence[Memory], stamp: int
) -> tuple[Array, Array, Array]:
    """Where people's body joints (N, 22, 2) should be and might be, after how many seconds (N,)."""
    hidden = [track.hidden for track in tracks]
    then = np.array([
        m.anchored if h else m.seen for m, h in zip(memories, hidden, strict=True)
    ])  # fmt: skip
    start = np.array([
        m.anchor if h else m.keypoints for m, h in zip(memories, hidden, strict=True)
    ])  # fmt: skip
    ages = (stamp - then) * 1e-9
    moved = np.array([
        way(track, stamp) if h else (age * track.trail.velocity[0], age * track.trail.velocity[1])
        for track, h, age in zip(tracks, hidden, ages.tolist(), strict=True)
    ])  # fmt: skip
    points = start + moved[:, None]
    if not any(hidden):
        return points, points, ages
    return points, np.where(np.array(hidden)[:, None, None], start, points), ages
