"""From a projected body to the box that a detector would draw around it, and its motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pear_ros.perception import boxes
from pear_ros.types import Box, FloatArray

KEYPOINT_MARGIN = 1.04
"""Sides of a person's box over those of its 145 key points, which reach from head top to toes and
finger tips: the skin is 1 % larger in random poses of the free body, hair and clothes add to it.
"""

TRUST = 0.8
"""Part of a velocity that is believed, so that one which nothing confirms dies away."""


def body_boxes(keypoints: FloatArray, scores: Sequence[float]) -> list[Box]:
    """The boxes of N people from their projected key points (N, J, 2), pixels."""
    found = []
    more = 0.5 * (KEYPOINT_MARGIN - 1.0)
    for (x0, y0, x1, y1), score in zip(boxes.spans(keypoints).tolist(), scores, strict=True):
        w, h = more * (x1 - x0), more * (y1 - y0)
        found.append(Box(x0 - w, y0 - h, x1 + w, y1 + h, score))
    return found


@dataclass(frozen=True)
class Surround:
    """How a box lies around a body's: shift of the centre and sides, both over the body's sides.

    Following a body with the detector's own margins keeps crops alike from frame to frame, and a
    regressor that always sees people a little too small or too far left cannot walk away.
    """

    dx: float
    dy: float
    width: float
    height: float

    @classmethod
    def between(cls, box: Box, body: Box) -> Surround:
        """The one that leads from body to box; sides within a factor of two, shifts of half."""
        w, h = max(body.x1 - body.x0, 1.0), max(body.y1 - body.y0, 1.0)
        dx = 0.5 * (box.x0 + box.x1 - body.x0 - body.x1) / w
        dy = 0.5 * (box.y0 + box.y1 - body.y0 - body.y1) / h
        width, height = (box.x1 - box.x0) / w, (box.y1 - box.y0) / h
        return cls(
            max(-0.5, min(0.5, dx)), max(-0.5, min(0.5, dy)),
            max(0.5, min(2.0, width)), max(0.5, min(2.0, height)),
        )  # fmt: skip

    def mixed(self, other: Surround) -> Surround:
        """The mean of both."""
        return Surround(
            0.5 * (self.dx + other.dx), 0.5 * (self.dy + other.dy),
            0.5 * (self.width + other.width), 0.5 * (self.height + other.height),
        )  # fmt: skip

    def around(self, body: Box) -> Box:
        """The box around a body."""
        w, h = body.x1 - body.x0, body.y1 - body.y0
        cx, cy = 0.5 * (body.x0 + body.x1) + self.dx * w, 0.5 * (body.y0 + body.y1) + self.dy * h
        half_w, half_h = 0.5 * self.width * w, 0.5 * self.height * h
        return Box(cx - half_w, cy - half_h, cx + half_w, cy + half_h, body.score)


def moved(box: Box, velocity: tuple[float, float], seconds: float) -> Box:
    """A box moved on by most of a velocity in pixels per second, by no more than half its size."""
    reach = 0.5 * max(box.x1 - box.x0, box.y1 - box.y0)
    dx, dy = (max(-reach, min(reach, TRUST * v * seconds)) for v in velocity)
    return shifted(box, dx, dy)


def shifted(box: Box, dx: float, dy: float) -> Box:
    """A box elsewhere, by pixels."""
    return Box(box.x0 + dx, box.y0 + dy, box.x1 + dx, box.y1 + dy, box.score)


def velocity_between(old: Box, new: Box, seconds: float) -> tuple[float, float]:
    """Of the centre, in pixels per second."""
    vx = 0.5 * (new.x0 + new.x1 - old.x0 - old.x1) / seconds
    vy = 0.5 * (new.y0 + new.y1 - old.y0 - old.y1) / seconds
    return vx, vy


def mean(a: Box, b: Box) -> Box:
    """Half way between two boxes, with the score of the second."""
    return Box(
        0.5 * (a.x0 + b.x0), 0.5 * (a.y0 + b.y0), 0.5 * (a.x1 + b.x1), 0.5 * (a.y1 + b.y1), b.score
    )
