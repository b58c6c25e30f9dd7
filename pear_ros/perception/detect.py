"""What finds people in a picture: the detector interface and how the pipeline may use a
detector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pear_core import layout
from pear_ros.types import Box, Frame


@runtime_checkable
class Detector(Protocol):
    """Finds the people of one picture."""

    def detect(self, frame: Frame) -> list[Box]:
        """Boxes in pixels of `frame.image`, best score first; an empty list if nobody is there."""
        ...


@dataclass(frozen=True)
class Policy:
    """How the pipeline uses a detector; a detector may carry one as its attribute `policy`.

    every: the detector runs on every n-th frame while all tracks are healthy, on each frame
    otherwise. binding: its boxes are crops to be used as they are, and nobody is where it says
    nobody; otherwise a track's own projected body decides, and the detector only finds, confirms
    and corrects. crop_scale: side of the square crop over the longer side of the box.
    """

    every: int = 10
    binding: bool = False
    crop_scale: float = layout.CROP_SCALE


def policy_of(detector: Detector) -> Policy:
    """The detector's own policy, or the default one."""
    policy = getattr(detector, "policy", None)
    return policy if isinstance(policy, Policy) else Policy()
