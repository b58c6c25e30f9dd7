"""What is known of each person from frame to frame, as frozen values: see `track`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pear_ros.perception.tracking import follow
from pear_ros.perception.tracking.memory import Memory
from pear_ros.perception.tracking.trail import SPAN, Point, Trail, centre
from pear_ros.types import Box, TrackState


class Look(IntEnum):
    """Where the detector should look: nowhere, where people are believed to be, or everywhere."""

    NONE = 0
    CHECK = 1
    SEARCH = 2


@dataclass(frozen=True)
class TrackerOptions:
    """Thresholds of the tracker; times are seconds of frame stamps, overlaps are IoU.

    prediction_timeout: how long a person may be PREDICTED before the track ends.
    search, check: how often to look everywhere and at the known people (see `detect.Policy`).
    hurry: how often to search while nobody is known or somebody is missed. match: least overlap of a
    detection with the track it confirms. agree: overlap from which track and detector meet half way,
    so that crops do not jump; below it the detector is right. drift: overlap of the box that was
    cropped and the one around the body found in it, under which the detector is asked. same: mean
    distance of two bodies' joints, over the side of their box, under which they are one person seen
    twice. max_people: how many are followed at a time, largest boxes first.
    """

    prediction_timeout: float = 1.2
    search: float = 0.35
    check: float = 0.35
    hurry: float = 0.2
    match: float = 0.2
    agree: float = 0.7
    drift: float = 0.4
    same: float = 0.08
    max_people: int = 32


@dataclass(frozen=True)
class Track:
    """One person: the box to look at in the present frame and its memory.

    box: its score is the last detection's. detections: how often a detector has confirmed the
    person, detected_at and detection the stamp (nanoseconds) and the box of the last time. trail: of
    the torso's centre (of the box, where the detector binds), in clear sights. anchor: the box at
    the trail's end. denied: the detector looked there since and found nobody. hidden: the last
    picture did not show the person, or somebody else in its place. doubted_at: stamp since when it
    is denied or hidden. body: box of the last projected body. surround: how the detector's boxes lie
    around the body's. drifting: the last body did not fit the box it was found in.
    """

    id: int
    state: TrackState
    box: Box
    detections: int
    detected_at: int
    detection: Box
    trail: Trail
    anchor: Box
    denied: bool = False
    hidden: bool = False
    doubted_at: int | None = None
    body: Box | None = None
    surround: follow.Surround | None = None
    drifting: bool = False
    memory: Memory | None = None

    @property
    def doubtful(self) -> bool:
        """Somebody should search for this person."""
        return self.drifting or self.denied or self.hidden

    @property
    def proven(self) -> bool:
        """Seen often enough, and apart from others, to be somebody."""
        alone = self.memory is not None and self.memory.known > 1
        return self.detections > 3 or (self.detections > 1 and alone)

    @property
    def seen_at(self) -> int:
        """Stamp of the last picture that showed the person."""
        return self.detected_at if self.memory is None else self.memory.seen

    def led(self, found: Box, stamp: int, end: Point) -> Trail:
        """A trail that ends at a point, with the velocity of the detector's last two boxes."""
        if not 0 < stamp - self.detected_at <= SPAN * 1e9:
            return Trail.begun(stamp, end)
        before, after = centre(self.detection), centre(found)
        start = (end[0] + before[0] - after[0], end[1] + before[1] - after[1])
        return Trail((self.detected_at, stamp), (start, end))


@dataclass(frozen=True)
class Place:
    """Where to regress: a box; the id of the track that expects its person there (None: nobody does);
    what the detector said in this frame, if it did."""

    box: Box
    owner: int | None
    found: Box | None = None
