"""What people are called in TF and in REP-155 topics.

REP-155 leaves ids free as long as they are unique. ROS 2 wants topic tokens that start with a
letter, and hri_msgs/IdsMatch forbids one id for a body and its face: so the body of track 7 is
`b7`, its face `f7`, which gives the frames `body_b7`, `face_f7`, `gaze_f7`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pear_ros.problems import PearError

BODIES, FACES = "/humans/bodies", "/humans/faces"
TRACKED = "tracked"
MATCHES = "/humans/candidate_matches"


@dataclass(frozen=True)
class Naming:
    """Ids of one camera. prefix: makes them unique where several cameras share a graph ("front_").

    Raises: PearError for a prefix that is not letters, digits and underscores after a letter.
    """

    prefix: str = ""

    def __post_init__(self) -> None:
        if self.prefix and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.prefix):
            raise PearError(
                "id prefix cannot be part of a topic",
                expected="a letter, then letters, digits or underscores",
                found=repr(self.prefix),
            )

    def body(self, track_id: int) -> str:
        return f"{self.prefix}b{track_id}"

    def face(self, track_id: int) -> str:
        return f"{self.prefix}f{track_id}"

    def body_topic(self, track_id: int, name: str) -> str:
        """/humans/bodies/<body id>/<name>."""
        return f"{BODIES}/{self.body(track_id)}/{name}"

    def face_topic(self, track_id: int, name: str) -> str:
        """/humans/faces/<face id>/<name>."""
        return f"{FACES}/{self.face(track_id)}/{name}"


ONLY_CAMERA = Naming()
"""For one camera per graph."""
