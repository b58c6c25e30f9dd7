"""What finds people in a picture: the interface, and how the pipeline may use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pear_core import layout
from pear_ros.types import Box, Frame


@runtime_checkable
class Detector(Protocol):
    """Finds the people of one picture."""

    def detect(self, frame: Frame) -> list[Box] | None:
        """Boxes in pixels of `frame.image`, best score first; an empty list if nobody is there.

        None: it did not look at this frame, so everybody stays where they were heading.
        """
        ...


@runtime_checkable
class Confirming(Protocol):
    """A detector that can also look at one place, at a fraction of the cost of a search."""

    def confirm(self, frame: Frame, believed: Sequence[Box]) -> list[Box | None]:
        """For each box the person found in it, or None if nobody is there."""
        ...


@dataclass(frozen=True)
class Policy:
    """How the pipeline uses a detector; a detector may carry one as its attribute `policy`.

    search: seconds of frame stamps between calls of `detect` while all tracks are healthy. check:
    seconds between calls of `confirm`, for detectors that have it. binding: its boxes are used as
    they are, and nobody is where it says nobody; otherwise a track's own projected body decides,
    and the detector finds, confirms and corrects. crop_scale: side of the square crop over the
    longer side of the box.
    """

    search: float = 0.35
    check: float = 0.35
    binding: bool = False
    crop_scale: float = layout.CROP_SCALE


def policy_of(detector: Detector) -> Policy:
    """The detector's own policy, or the default one."""
    policy = getattr(detector, "policy", None)
    return policy if isinstance(policy, Policy) else Policy()
