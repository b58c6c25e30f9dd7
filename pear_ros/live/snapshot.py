"""One picture and its people as files, from a running node."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.engine.topology import Topology
from pear_ros.live.worker import Done
from pear_ros.messages.identity import Identity
from pear_ros.output.atomic import write_bytes
from pear_ros.output.mesh import Mesher, frame_vertices
from pear_ros.output.overlay import draw
from pear_ros.output.records import Records, write_npz
from pear_ros.output.records_json import write_json
from pear_ros.problems import PearError


class Engine(Mesher, Protocol):
    """The part of an engine that a snapshot needs."""

    @property
    def topology(self) -> Topology: ...


def save_snapshot(done: Done, engine: Engine, folder: str, identity: Identity) -> tuple[bool, str]:
    """Write picture.png, overlay.png, people.npz and people.json into FOLDER/STAMP/.

    Returns success, and where to look or why it failed.
    """
    place = Path(folder).expanduser() / str(done.result.stamp)
    records = Records(
        (done.result,), (done.frame.source,), asdict(identity), engine.topology.expression_names
    )
    try:
        image = done.frame.image
        vertices = frame_vertices(engine, done.result)
        write_bytes(place / "picture.png", _png(image))
        write_bytes(
            place / "overlay.png", _png(draw(image, done.result, vertices, engine.topology))
        )
        write_npz(place / "people.npz", records)
        write_json(place / "people.json", records)
    except PearError as error:
        return False, str(error)
    return True, str(place.resolve())


def _png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes())
