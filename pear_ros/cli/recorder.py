"""What outputs of a sequence need to see of it: overlay video, parameter files, pictures for the
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.cli.load import Loaded
from pear_ros.cli.results import bodies
from pear_ros.output import overlay, records, records_json
from pear_ros.output.gltf import Body
from pear_ros.output.mesh import frame_vertices, placed
from pear_ros.output.report import Picture
from pear_ros.output.video import CODECS, VideoWriter
from pear_ros.problems import PearError
from pear_ros.types import FloatArray, Frame, HumanFrame

_LOOKAHEAD = 12
"""Pictures held back until the frame rate is clear from their stamps."""
_KEPT = 4
Image = NDArray[np.uint8]


class Recorder:
    """Sees each frame and its result; its files appear when the block ends well.

    video: overlay video; rate: its frames per second, from the stamps where None. people: parameter
    files (.json or .npz). pictures: keep some frames for a report.
    """

    def __init__(
        self,
        loaded: Loaded,
        style: overlay.Style,
        video: Path | None = None,
        rate: float | None = None,
        panel: bool = False,
        people: Sequence[Path] = (),
        pictures: bool = False,
    ) -> None:
        self._loaded, self._style, self._rate = loaded, style, rate
        self._video_path, self._people_paths = video, tuple(people)
        self._draw = overlay.panel if panel else overlay.draw
        self._frames: list[HumanFrame] = []
        self._sources: list[str] = []
        self._keep = pictures
        self._kept: list[tuple[int, Frame, HumanFrame, Sequence[FloatArray]]] = []
        self._stride = 1
        self._held: list[tuple[int, Image]] = []
        self._video: VideoWriter | None = None
        self._size = (0, 0)
        self._stack = ExitStack()
        self.seen = self.people = 0
        check_names(video, self._people_paths)

    def __enter__(self) -> Recorder:
        return self

    def see(
        self, frame: Frame, humans: HumanFrame, vertices: NDArray[np.floating] | None = None
    ) -> None:
        """One frame with its result; vertices (N, V, 3) of the body model where they were made
        already.
        """
        kept = self._keep and self.seen % self._stride == 0
        if kept or self._video_path is not None:
            engine = self._loaded.engine
            meshes = (
                frame_vertices(engine, humans) if vertices is None else placed(vertices, humans)
            )
            if self._video_path is not None:
                picture = self._draw(frame.image, humans, meshes, engine.topology, self._style)
                self._show(humans.stamp, picture)
            if kept:
                self._keep_frame(frame, humans, meshes)
        if self._people_paths:
            self._frames.append(humans)
            self._sources.append(frame.source)
        self.seen += 1
        self.people += len(humans.humans)

    def _show(self, stamp: int, picture: Image) -> None:
        if self._size == (0, 0):
            self._size = picture.shape[1], picture.shape[0]
        picture = fitted(picture, *self._size)
        if self._video is not None:
            self._video.write(picture)
            return
        self._held.append((stamp, picture))
        if self._rate is not None or len(self._held) >= _LOOKAHEAD:
            self._start_video()

    def _start_video(self) -> None:
        assert self._video_path is not None
        rate = self._rate or rate_of([stamp for stamp, _ in self._held])
        self._video = self._stack.enter_context(VideoWriter(self._video_path, rate))
        for _, picture in self._held:
            self._video.write(picture)
        self._held = []

    def _keep_frame(self, frame: Frame, humans: HumanFrame, meshes: Sequence[FloatArray]) -> None:
        """Keep frames spread evenly over a sequence of unknown length."""
        self._kept.append((self.seen, frame, humans, meshes))
        if len(self._kept) > 2 * _KEPT:
            self._kept = self._kept[::2]
            self._stride *= 2

    def pictures(self) -> tuple[Picture, ...]:
        """Panels of some frames, people first."""
        chosen = [k for k in self._kept if k[2].humans] or self._kept
        steps = np.linspace(0, len(chosen) - 1, min(_KEPT, len(chosen))).round().astype(int)
        topology = self._loaded.engine.topology
        return tuple(
            Picture(
                overlay.panel(frame.image, humans, meshes, topology, self._style),
                f"frame {number}: photo, overlay, and the same seen from the side",
            )
            for number, frame, humans, meshes in (chosen[i] for i in steps)
        )

    def bodies(self) -> tuple[Body, ...]:
        """Meshes of the people of one kept frame, for the report's viewer."""
        for _, _, humans, meshes in reversed(self._kept):
            if humans.humans:
                return tuple(bodies(humans, meshes, self._loaded.engine.topology.faces))
        return ()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish()
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)

    def _finish(self) -> None:
        if self._held:
            self._start_video()
        kept = records.Records(
            tuple(self._frames),
            tuple(self._sources),
            self._loaded.identity(),
            self._loaded.engine.topology.expression_names,
        )
        for path in self._people_paths:
            write = records.write_npz if path.suffix == ".npz" else records_json.write_json
            write(path, kept)


def check_names(video: Path | None, people: Sequence[Path]) -> None:
    """Refuse names whose suffix says nothing, before any work. Raises PearError."""
    for path in people:
        if path.suffix not in (".json", ".npz"):
            raise PearError(
                "unknown kind of parameter file", where=str(path), expected=".json or .npz"
            )
    if video is not None and video.suffix.lower() not in CODECS:
        raise PearError("unknown kind of video", where=str(video), expected=", ".join(CODECS))


def rate_of(stamps: Sequence[int]) -> float:
    """Frames per second from stamps in nanoseconds (median step); 30 where they say nothing."""
    steps = np.diff(np.asarray(stamps, np.float64))
    steps = steps[steps > 0]
    rate = 1e9 / float(np.median(steps)) if len(steps) else 30.0
    return rate if 0.1 <= rate <= 500 else 30.0


def fitted(picture: Image, width: int, height: int) -> Image:
    """A picture scaled into width x height with black margins where its shape differs."""
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    result = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    result[y : y + size[1], x : x + size[0]] = cv2.resize(
        picture, size, interpolation=cv2.INTER_AREA
    )
    return result
