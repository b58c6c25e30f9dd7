"""Detection2DArray of vision_msgs to person boxes.

Versions 3 and 4 have the same bytes: 4.0 only replaced geometry_msgs/Pose2D of a box's centre by
its own Pose2D, which is the same three doubles.
"""

from __future__ import annotations

import math

from pear_ros.messages.codec import CdrReader
from pear_ros.types import Box

PERSON = "person,0"
"""Class ids of a person: COCO's name, and its number in YOLO's order."""
_COVARIANCE = 7 + 36
"""Doubles of a geometry_msgs/PoseWithCovariance."""


def read_detections(
    raw: bytes | bytearray | memoryview, classes: str = PERSON, least_score: float = 0.0
) -> list[Box]:
    """People among the detections of a vision_msgs/Detection2DArray (CDR bytes).

    classes: accepted class ids, separated by commas, letter case aside; empty accepts every box,
    also one without a class. A box's score is that of its best accepted hypothesis, 1 where it has
    none. Boxes below least_score and boxes that are no boxes (not finite, no area) are left out; a
    turned box becomes the upright one around it. Corners are pixels as the detector counted them.
    Raises: PearError where the bytes are no such message.
    """
    accepted = {name.strip().casefold() for name in classes.split(",") if name.strip()}
    cdr = CdrReader(raw)
    cdr.header()
    boxes: list[Box] = []
    for _ in range(cdr.unpack("I")[0]):
        cdr.header()
        score = _score(cdr, accepted)
        box = _box(score, *cdr.unpack("5d"))
        cdr.string()
        if score >= least_score and box is not None:
            boxes.append(box)
    return boxes


def _score(cdr: CdrReader, accepted: set[str]) -> float:
    """Score of the best hypothesis that counts, NaN where none does."""
    best = math.nan
    count = cdr.unpack("I")[0]
    for _ in range(count):
        name = cdr.string().strip().casefold()
        score = float(cdr.unpack("d")[0])
        cdr.unpack(f"{_COVARIANCE}d")
        if (not accepted or name in accepted) and not score <= best:
            best = score
    return 1.0 if not accepted and not count else best


def _box(score: float, x: float, y: float, theta: float, width: float, height: float) -> Box | None:
    if not (all(map(math.isfinite, (x, y, theta, width, height))) and width > 0 and height > 0):
        return None
    cosine, sine = abs(math.cos(theta)), abs(math.sin(theta))
    dx = 0.5 * (cosine * width + sine * height)
    dy = 0.5 * (sine * width + cosine * height)
    return Box(x - dx, y - dy, x + dx, y + dy, score)
