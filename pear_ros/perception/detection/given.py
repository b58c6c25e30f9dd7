"""Boxes that come from outside: a list for every picture, or a JSON file that names pictures or
stamps.

The file is either a list of boxes, which then holds for every picture, or an object whose keys are
a picture's file name, its path, or a stamp in nanoseconds; the key "*" stands for all others. A box
is `[x0, y0, x1, y1]` or `[x0, y0, x1, y1, score]` in pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from pear_ros.perception import boxes
from pear_ros.perception.detection.detect import Policy
from pear_ros.problems import PearError
from pear_ros.types import Box, Frame

ANY = "*"


class GivenBoxes:
    """Detector that repeats what it was told.

    by_key: boxes per picture name, path, stamp in nanoseconds, or ANY. A frame that no key names
    has nobody in it. source: where the boxes come from, for messages.
    """

    policy = Policy(search=0.0, binding=True)

    def __init__(self, by_key: Mapping[str, Sequence[Box]], source: str = "given boxes") -> None:
        self.by_key = {key: list(found) for key, found in by_key.items()}
        self.source = source

    @classmethod
    def everywhere(cls, found: Sequence[Box]) -> GivenBoxes:
        """The same boxes in every picture."""
        return cls({ANY: found})

    @classmethod
    def from_file(cls, path: str | Path) -> GivenBoxes:
        """Boxes of a JSON file (see the module); raises PearError for anything else."""
        try:
            text = Path(path).read_text(encoding="utf-8")
            content = json.loads(text)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise PearError(
                "cannot read boxes", where=str(path), expected="a JSON file", found=str(error)
            ) from error
        if isinstance(content, list):
            content = {ANY: content}
        if not isinstance(content, dict):
            raise PearError(
                "not a file of boxes",
                where=str(path),
                expected="a list of boxes or an object of such lists",
                found=type(content).__name__,
            )
        return cls(
            {key: _boxes(found, f"{path}: {key}") for key, found in content.items()}, str(path)
        )

    def detect(self, frame: Frame) -> list[Box]:
        """This frame's boxes, best score first; raises PearError for one outside the picture."""
        height, width = frame.image.shape[:2]
        keys = (
            frame.source,
            PurePath(frame.source).name if frame.source else "",
            str(frame.stamp),
            ANY,
        )
        key = next((k for k in keys if k in self.by_key), None)
        found = self.by_key[key] if key is not None else []
        for box in found:
            seen = boxes.clip(box, width, height)
            if seen.x1 <= seen.x0 or seen.y1 <= seen.y0:
                raise PearError(
                    "box lies outside the image",
                    where=f"{self.source}: {key}",
                    expected=f"overlap with {width}x{height}",
                    found=f"({box.x0:g}, {box.y0:g}, {box.x1:g}, {box.y1:g})",
                )
        return sorted(found, key=lambda box: -box.score)


def _boxes(content: object, where: str) -> list[Box]:
    if not isinstance(content, list):
        raise PearError("not a list of boxes", where=where, found=type(content).__name__)
    return [box_of(numbers, f"{where}: box {i}") for i, numbers in enumerate(content)]


def box_of(numbers: object, where: str = "") -> Box:
    """A box from a list [x0, y0, x1, y1] with or without a score; raises PearError."""
    expected = (
        "[x0, y0, x1, y1] or [x0, y0, x1, y1, score], finite, x0 < x1, y0 < y1, score in (0, 1]"
    )
    listed = list(numbers) if isinstance(numbers, (list, tuple)) else []
    values = [_finite(n) for n in listed]
    if len(values) in (4, 5) and None not in values:
        x0, y0, x1, y1, score = (v if v is not None else 0.0 for v in [*values, 1.0][:5])
        if x0 < x1 and y0 < y1 and 0.0 < score <= 1.0:
            return Box(x0, y0, x1, y1, score)
    raise PearError("not a box", where=where, expected=expected, found=repr(numbers)[:80])


def _finite(number: object) -> float | None:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
