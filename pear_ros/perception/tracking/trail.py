"""Where somebody was during the last half second, and how fast that was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from pear_ros.types import Box

Point = tuple[float, float]

LENGTH = 12
SPAN = 0.5
"""Seconds of the past that count."""
DECAY = 6.0
"""Seconds after which a velocity that nothing confirms has fallen to 37 %; people seldom stop because
somebody is in front of them."""


@dataclass(frozen=True)
class Trail:
    """stamps (T) nanoseconds, rising; points (T, 2) in pixels. At least one of each."""

    stamps: tuple[int, ...]
    points: tuple[Point, ...]

    @classmethod
    def begun(cls, stamp: int, point: Point) -> Trail:
        return cls((stamp,), (point,))

    def extended(self, stamp: int, point: Point) -> Trail:
        """With one more place; begun again after stamps that do not rise or a gap of two SPANs."""
        gap = stamp - self.stamps[-1]
        if not 0 < gap <= 2 * SPAN * 1e9:
            return Trail.begun(stamp, point)
        if gap > SPAN * 1e9:
            return Trail((self.stamps[-1], stamp), (self.points[-1], point))
        first = max(0, len(self.stamps) - LENGTH + 1)
        while stamp - self.stamps[first] > SPAN * 1e9:
            first += 1
        return Trail((*self.stamps[first:], stamp), (*self.points[first:], point))

    def corrected(self, stamp: int, point: Point) -> Trail:
        """Moved as a whole so that it leads to a point at a stamp: a correction is no motion."""
        x, y = self.expected(stamp)
        dx, dy = point[0] - x, point[1] - y
        moved = tuple((a + dx, b + dy) for a, b in self.points)
        return Trail(self.stamps, moved).extended(stamp, point)

    def expected(self, stamp: int) -> Point:
        """Where somebody should be by now; unconfirmed, the velocity dies away with DECAY."""
        seconds = (stamp - self.stamps[-1]) * 1e-9
        way = DECAY * -math.expm1(-max(seconds, 0.0) / DECAY)
        vx, vy = self.velocity
        return self.points[-1][0] + vx * way, self.points[-1][1] + vy * way

    @cached_property
    def velocity(self) -> Point:
        """Slope of the line through the places (least squares), pixels per second."""
        count = len(self.stamps)
        if count < 2:
            return 0.0, 0.0
        last = self.stamps[-1]
        times = [(s - last) * 1e-9 for s in self.stamps]
        mean = sum(times) / count
        spread = vx = vy = 0.0
        for time, (x, y) in zip(times, self.points, strict=True):
            away = time - mean
            spread += away * away
            vx += away * x
            vy += away * y
        return vx / spread, vy / spread


def centre(box: Box) -> Point:
    """Middle of a box, pixels."""
    return 0.5 * (box.x0 + box.x1), 0.5 * (box.y0 + box.y1)
