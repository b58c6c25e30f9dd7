"""People of a tracker's tests: boxes, bodies in them, looks, and frames of both."""

from __future__ import annotations

import numpy as np

from pear_ros.perception import boxes
from pear_ros.perception.tracking import appearance, follow, memory
from pear_ros.perception.tracking.track import Look, Tracker
from pear_ros.types import Box, TrackState

SECOND = 1_000_000_000
FRAME = SECOND // 25


def box_at(
    x: float, y: float = 200.0, width: float = 80.0, height: float = 200.0, score: float = 0.9
) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2, score)


def body_in(box: Box) -> np.ndarray:
    """145 key points whose body box is `box`."""
    grid = np.random.default_rng(0).uniform(0, 1, (145, 2))
    grid[0], grid[1] = (0.0, 0.0), (1.0, 1.0)
    middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    size = np.array([box.x1 - box.x0, box.y1 - box.y0]) / follow.KEYPOINT_MARGIN
    return (middle + (grid - 0.5) * size).astype(np.float32)


def sights_of(bodies: list[np.ndarray], looks: list[int]) -> memory.Sights:
    """Sights of 145 key points each; equal looks are dressed alike, of one shape and pose."""
    points = np.array(bodies, np.float64).reshape(-1, 145, 2)[:, :22]
    rows = boxes.spans(points)
    count = len(bodies)
    colour = np.zeros((count, appearance.SIZE), np.float32)
    for k, look in enumerate(looks):
        # One bin of each of the six histograms.
        colour[k, np.arange(6) * appearance.BINS + look % appearance.BINS] = 1.0
    return memory.Sights(
        keypoints=points,
        side=(rows[:, 2:] - rows[:, :2]).max(axis=1),
        pose=np.zeros((count, 22, 3)),
        far=np.zeros(count),
        shape=np.zeros((count, memory.SHAPES)),
        colour=colour,
        clear=memory.clear_of_others(rows),
    )


def step(
    tracker: Tracker,
    stamp: int,
    found: list[Box],
    bodies: dict[int, Box] | None = None,
    looks: dict[int, int] | None = None,
) -> Look:
    """One frame: whatever the tracker asks for is answered with `found`; bodies are where `bodies`
    says or the box, and look as `looks` says.
    """
    look = tracker.begin(stamp)
    if look is Look.NONE:
        tracker.skip()
    elif look is Look.SEARCH:
        tracker.search(found)
    else:
        nearest = [
            next((b for b in found if abs(b.x0 + b.x1 - t.box.x0 - t.box.x1) < 80), None)
            for t in tracker.tracks
        ]
        tracker.check(nearest)
    seen = [body_in((bodies or {}).get(p.owner, p.box)) for p in tracker.places]
    dressed = [(looks or {}).get(p.owner, 0) for p in tracker.places]
    points = np.array(seen, np.float32).reshape(-1, 145, 2)
    tracker.identify(sights_of(seen, dressed), points, 640, 480)
    return look


def room(
    tracker: Tracker, stamp: int, people: dict[int, Box], front: int | None = None
) -> list[tuple[int, int]]:
    """One frame of people by look: a crop shows whoever is nearest to its middle, or, where the one
    in front covers that, the one in front. Returns (id, look) of those told apart.
    """

    def shown(box: Box) -> int:
        middle = (box.x0 + box.x1) / 2
        if front is not None and abs(people[front].x0 + people[front].x1 - 2 * middle) < 140:
            return front
        return min(people, key=lambda n: abs(people[n].x0 + people[n].x1 - 2 * middle))

    def detected() -> list[Box]:
        hidden = {
            n
            for n, box in people.items()
            if front not in (None, n) and abs(box.x0 - people[front].x0) < 70
        }
        return [box for n, box in people.items() if n not in hidden]

    look = tracker.begin(stamp)
    if look is Look.NONE:
        tracker.skip()
    elif look is Look.SEARCH:
        tracker.search(detected())
    else:
        tracker.check([
            next((b for b in detected() if abs(b.x0 + b.x1 - t.box.x0 - t.box.x1) < 60), None)
            for t in tracker.tracks
        ])  # fmt: skip
    names = [shown(p.box) for p in tracker.places]
    seen = [body_in(people[n]) for n in names]
    points = np.array(seen, np.float32).reshape(-1, 145, 2)
    ids = tracker.identify(sights_of(seen, names), points, 640, 480)
    return [(i, n) for i, n in zip(ids, names, strict=True) if i is not None]


def states(tracker: Tracker) -> dict[int, TrackState]:
    return {t.id: t.state for t in tracker.tracks}
