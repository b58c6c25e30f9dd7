"""How a person was when last seen apart from others: what counts when two who met come apart again.

While one covers the other, bodies are drawn to whoever stands in front, and what is then seen may be
anybody's. So whose body is whose is decided anew when they can be seen apart again, from before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pear_ros.perception.tracking.trail import Point

Array = NDArray[np.float64]

STANCE = 0.15
"""Least weight of a picture in the mean of poses: a step or two remain in it."""


@dataclass(frozen=True)
class Apart:
    """stamp: nanoseconds of the last picture that showed the person clear of others, keypoints
    (22, 2) its body joints. pace: pixels per second by then. stance (22, 3): mean pose until then,
    metres from the pelvis, in which the way the person faces remains and the steps do not. unseen: a
    picture since then has not shown the person at all.
    """

    stamp: int
    keypoints: Array
    pace: Point
    stance: Array
    unseen: bool = False

    @classmethod
    def begun(cls, stamp: int, keypoints: Array, pose: Array) -> Apart:
        """At a first sight."""
        return cls(stamp, keypoints, (0.0, 0.0), pose)

    def seen(self, stamp: int, keypoints: Array, pose: Array, pace: Point, count: int) -> Apart:
        """After one more picture, the count-th that shows the person clear of others."""
        stance = self.stance + max(1.0 / count, STANCE) * (pose - self.stance)
        return Apart(stamp, keypoints, pace, stance)

    def covered(self, hidden: bool) -> Apart:
        """After one in which others overlap the person; hidden: the picture before showed nothing."""
        return replace(self, unseen=True) if hidden else self


def expected(people: Sequence[Apart], stamp: int) -> tuple[Array, Array]:
    """Where the body joints (N, 22, 2) would be had nobody met anybody, and seconds since (N, 1)."""
    ages = np.array([(stamp - a.stamp) * 1e-9 for a in people])[:, None]
    ways = ages * np.array([a.pace for a in people])
    return np.array([a.keypoints for a in people]) + ways[:, None], ages
