"""What a live run sees, as a video: drawn on the worker's thread, so it costs rate."""

from __future__ import annotations

from pathlib import Path

from pear_ros.engine import Engine
from pear_ros.live.worker import Done
from pear_ros.output.mesh import frame_vertices
from pear_ros.output.overlay import draw
from pear_ros.output.video import VideoWriter

RATE = 15.0
"""Pictures per second of the video, whatever the pace of the run."""


class LiveOverlay:
    """Draws every processed picture; the file is complete after `close`."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self._engine = engine
        self._video = VideoWriter(path, RATE)
        self._video.__enter__()

    def __call__(self, done: Done) -> None:
        vertices = frame_vertices(self._engine, done.result)
        self._video.write(draw(done.frame.image, done.result, vertices, self._engine.topology))

    def close(self) -> None:
        self._video.__exit__(None, None, None)
