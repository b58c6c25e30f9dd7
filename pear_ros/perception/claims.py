"""Whose bodies these are, where more than one person comes into question."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import BODY_JOINTS
from pear_ros.perception import memory
from pear_ros.perception.associate import assign
from pear_ros.perception.memory import GATE, Memory, Sights
from pear_ros.perception.tracks import Track
from pear_ros.perception.trail import Point

Array = NDArray[np.float64]

OWN = 1.5
"""Misfit that a body is forgiven in its own person's place: people seldom change crops."""
TOGETHER = 0.5
"""Part of the misfit of place and pose that counts where one body was seen in several people's
places."""
TAKEN = 1.5
"""Added where somebody who was not seen claims the body in the place of somebody who was."""


def settled(
    tracks: Sequence[Track], sights: Sights, wanted: Sequence[Collection[int | None]], stamp: int
) -> dict[int, int]:
    """Body -> id of the track whose person it is; bodies of strangers are left out.

    sights: bodies of different people. wanted: for each of them, ids of the tracks in whose places
    it was seen.
    """
    known = [t for t in tracks if t.memory is not None]
    memories = [t.memory for t in known if t.memory is not None]
    if not known or not len(sights):
        return {}
    expected = [_joints(t, m, stamp) for t, m in zip(known, memories, strict=True)]
    points, others = (
        np.array([e[i] for e in expected]).reshape(-1, len(BODY_JOINTS), 2) for i in (0, 1)
    )
    ages = np.array([e[2] for e in expected])
    sure = np.array([not (t.hidden or t.denied) for t in known], dtype=bool)
    where, looks = memory.misfit(memories, points, others, ages, sure, sights)
    alone = memory.clear_of_others(memory.spans(sights.keypoints))
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
    for i, track in enumerate(known):
        for j, owners in enumerate(wanted):
            if not sure[i] or track.id not in owners:
                continue
            cost[i, j] = max(cost[i, j] - OWN, 0.0)
            if alone[j]:
                # Somebody who was here a moment ago stays, unless someone else fits better.
                cost[i, j] = min(cost[i, j], 0.9 * GATE)
    return {j: known[i].id for i, j in assign(cost, GATE)}


def way(track: Track, stamp: int) -> Point:
    """Pixels that somebody who is not seen has gone since the last clear sight."""
    x, y = track.trail.expected(stamp)
    return x - track.trail.points[-1][0], y - track.trail.points[-1][1]


def _joints(track: Track, remembered: Memory, stamp: int) -> tuple[Array, Array, float]:
    """Where somebody's body joints (22, 2) should be and might be, after how many seconds."""
    if track.hidden:
        seconds = (stamp - remembered.anchored) * 1e-9
        return remembered.anchor + np.array(way(track, stamp)), remembered.anchor, seconds
    seconds = (stamp - remembered.seen) * 1e-9
    points = remembered.keypoints + seconds * np.array(track.trail.velocity)
    return points, points, seconds
