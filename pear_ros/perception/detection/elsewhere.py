"""People who are found elsewhere: their boxes come with the frames (`Frame.boxes`)."""

from __future__ import annotations

from pear_ros.perception.detection.detect import Policy
from pear_ros.types import Box, Frame


class Elsewhere:
    """Hands on a frame's own boxes.

    Frames without boxes leave every person to their own projected body, for `patience` seconds of
    stamps: a detector that fell silent must not keep people alive for ever.
    """

    policy = Policy(search=0.0)

    def __init__(self, patience: float = 2.0) -> None:
        self.patience = patience
        self._looked_at: int | None = None

    def detect(self, frame: Frame) -> list[Box] | None:
        if frame.boxes is not None:
            self._looked_at = frame.stamp
            return sorted(frame.boxes, key=lambda box: -box.score)
        if self._looked_at is None or not 0 <= frame.stamp - self._looked_at <= self.patience * 1e9:
            return []
        return None
