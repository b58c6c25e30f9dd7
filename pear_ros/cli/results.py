"""What sub-commands that show people share: style, meshes for files, notes, picture files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.output.atomic import write_bytes
from pear_ros.output.gltf import Body
from pear_ros.output.overlay import Style
from pear_ros.palette import track_colour
from pear_ros.problems import PearError
from pear_ros.types import FloatArray, HumanFrame


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB picture as JPEG or PNG, by its suffix (atomic)."""
    jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    options = [cv2.IMWRITE_JPEG_QUALITY, 93] if jpeg else []
    done, data = cv2.imencode(path.suffix, image[:, :, ::-1], options)
    if not done:
        raise PearError("OpenCV cannot encode the picture", where=str(path))
    write_bytes(path, data.tobytes())


def bodies(
    frame: HumanFrame, vertices: Sequence[FloatArray], faces: NDArray[np.integer]
) -> list[Body]:
    """The people of a frame as meshes for files, in the colours of their tracks."""
    return [
        Body(f"human_{h.track_id}", v, faces, track_colour(h.track_id), h.transl)
        for h, v in zip(frame.humans, vertices, strict=True)
    ]


def style(arguments: argparse.Namespace) -> Style:
    """How overlays are drawn, from the options."""
    return Style(
        arguments.opacity, arguments.skeleton, arguments.draw_boxes, not arguments.no_labels
    )


def stages(frame: HumanFrame) -> dict[str, float]:
    """Seconds per stage of a frame by name."""
    return {name: getattr(frame.times, name) for name in frame.times.__dataclass_fields__}


def notes(frame: HumanFrame) -> tuple[str, ...]:
    """What a person should know when looking at the result."""
    found = []
    if not frame.calibrated:
        k = frame.intrinsics
        found.append(
            f"No calibration was given: a focal length of {k.fx:.0f} pixels is assumed, "
            "so distances are rough."
        )
    return tuple(found)


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"
