"""A running application on a graph in memory, and the camera before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pear_ros.live.application import Application
from pear_ros.live.settings import Settings
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.pictures import image
from pear_ros.perception.detection.whole_image import WholeImage
from pear_ros.types import Intrinsics

MS = 1_000_000
START = 1_700_000_000_000 * MS
FRAME = "camera_optical_frame"
PIXELS = np.full((48, 64, 3), 90, np.uint8)


class Camera:
    """Publishes into the graph what a camera driver would."""

    def __init__(self, graph: Any, k: Intrinsics) -> None:
        self.graph, self.k, self.stamp = graph, k, START

    def info(self, k: Intrinsics | None = None) -> None:
        self.graph.deliver("camera_info", camera_info(k or self.k, self.stamp, FRAME))

    def shoot(self, step: int = 33 * MS, data: bytes | None = None) -> int:
        self.stamp += step
        self.graph.time = self.stamp + 5 * MS
        picture = image(PIXELS, self.stamp, FRAME) if data is None else data
        self.graph.deliver("image", picture)
        return self.stamp


@pytest.fixture
def start(memory_graph: Any, made_up_engine: Any) -> Iterator[Any]:
    """Makes running applications and stops them."""
    running: list[Application] = []

    def make(finder: Any = None, **settings: Any) -> Application:
        chosen = Settings.of({"smoothing": False, "diagnostics_period": 0.1} | settings)
        application = Application(memory_graph, made_up_engine, finder or WholeImage(), chosen)
        application.start()
        running.append(application)
        return application

    yield make
    for application in running:
        application.stop()


@pytest.fixture
def camera(memory_graph: Any, small_camera: Intrinsics) -> Camera:
    return Camera(memory_graph, small_camera)
