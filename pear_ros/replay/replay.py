"""Bag in, bag out: every picture through the pipeline, people written beside what is passed on.

The same bag gives the same bytes twice: stamps come from the source, and measured times are written
only where asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pear_ros.engine.base import EngineInfo
from pear_ros.engine.topology import Topology
from pear_ros.messages import codec
from pear_ros.messages.body_model import body_model
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.markers import MarkerStyle, marker_array
from pear_ros.messages.mesh import human_mesh
from pear_ros.output.mesh import joined
from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.replay.reader import BagFrame, FrameReader
from pear_ros.replay.writer import BagWriter, Connection
from pear_ros.types import FloatArray, Frame, Human, HumanFrame, Parameters, StageTimes


class Process(Protocol):
    """The part of the pipeline that replay needs."""

    def process(self, frame: Frame) -> HumanFrame: ...

    def reset(self) -> None: ...


class Meshes(Protocol):
    """The part of an engine that replay needs."""

    @property
    def info(self) -> EngineInfo: ...

    @property
    def topology(self) -> Topology: ...

    def mesh(self, parameters: Parameters) -> FloatArray: ...


class MarkerMesh(Enum):
    """Which mesh the markers hold."""

    NONE = "none"
    LOD = "lod"
    FULL = "full"


@dataclass(frozen=True)
class ReplayOptions:
    """What is read and written.

    topic, info_topic: pictures and their CameraInfo, chosen where None. passed: topics copied
    unchanged, or "*" for all. meshes: write HumanMesh. markers: write MarkerArray, None for none at
    all. measured: write the seconds per stage into HumanArray (then the bytes differ from run to
    run). first, count: pictures to skip, and to process at most.
    """

    topic: str | None = None
    info_topic: str | None = None
    passed: tuple[str, ...] = ()
    meshes: bool = False
    markers: MarkerMesh | None = MarkerMesh.LOD
    style: MarkerStyle = field(default_factory=MarkerStyle)
    measured: bool = False
    first: int = 0
    count: int | None = None
    humans_topic: str = "/humans"
    meshes_topic: str = "/humans/meshes"
    markers_topic: str = "/markers"
    body_model_topic: str = "/body_model"


@dataclass(frozen=True)
class ReplaySummary:
    """What a replay did.

    frames: pictures processed; failed: pictures left out. people: sum over all pictures; tracks:
    distinct ids. seconds: total per stage, `wall` the whole run. messages: written, by topic.
    """

    bag: str
    out: str
    topic: str
    info_topic: str | None
    frames: int
    failed: int
    people: int
    tracks: int
    first_stamp: int
    last_stamp: int
    seconds: dict[str, float]
    messages: dict[str, int]

    @property
    def frames_per_second(self) -> float:
        wall = self.seconds["wall"]
        return self.frames / wall if wall > 0 else 0.0


Progress = Callable[[int, int | None], None]
"""Called with pictures done and their number, None where the bag does not say."""
Observer = Callable[[Frame, HumanFrame, FloatArray | None], None]
"""Called with each result and the vertices (N, V, 3) in the body model's output frame if they were
made.
"""


def replay(
    bag_in: Path | str,
    bag_out: Path | str | None,
    pipeline: Process,
    engine: Meshes,
    options: ReplayOptions | None = None,
    problems: Problems | None = None,
    progress: Progress | None = None,
    observe: Observer | None = None,
) -> ReplaySummary:
    """Run every picture of a bag through the pipeline and write the people found.

    bag_out: an .mcap file, complete or absent; None writes nothing. observe: sees each result, for
    overlays and reports. Raises: PearError where the bag cannot be read or written, or no picture
    of it could be decoded.
    """
    options = options or ReplayOptions()
    problems = Problems() if problems is None else problems
    _refuse_same_file(bag_in, bag_out)
    pipeline.reset()
    writing: AbstractContextManager[BagWriter | None]
    writing = nullcontext() if bag_out is None else BagWriter(bag_out)
    with Bag(bag_in, problems) as bag:
        reader = FrameReader(bag, problems, topic=options.topic, info_topic=options.info_topic)
        with writing as writer:
            run = _Run(pipeline, engine, options, writer, observe)
            run.start(bag)
            total = reader.topic.count
            for item in reader.read(run.passed):
                if not isinstance(item, BagFrame):
                    run.pass_on(item.topic.name, item.stamp, item.data)
                elif not run.frame(item):
                    break
                elif progress is not None:
                    progress(run.frames, total)
            if not run.frames:
                reason = reader.failures[0] if reader.failures else "it has no messages"
                what = f"no picture of {reader.topic.name} can be read"
                raise PearError(what, where=str(bag_in), found=reason)
            messages = writer.counts if writer is not None else {}
    run.seconds["wall"] = time.perf_counter() - run.begun
    return ReplaySummary(
        bag=str(bag_in),
        out="" if bag_out is None else str(bag_out),
        topic=reader.topic.name,
        info_topic=reader.info_topic,
        frames=run.frames,
        failed=len(reader.failures),
        people=run.people,
        tracks=len(run.tracks),
        first_stamp=run.first_stamp,
        last_stamp=run.last_stamp,
        seconds=dict(run.seconds),
        messages=messages,
    )


class _Run:
    """State of one replay."""

    def __init__(
        self,
        pipeline: Process,
        engine: Meshes,
        options: ReplayOptions,
        writer: BagWriter | None,
        observe: Observer | None,
    ) -> None:
        self.begun = time.perf_counter()
        self._pipeline, self._engine, self._options = pipeline, engine, options
        self._writer, self._observe = writer, observe
        self._identity = Identity.of(engine.info)
        self._ours: dict[str, Connection] = {}
        self._theirs: dict[str, Connection] = {}
        self._shown: set[int] = set()
        self._skipped = 0
        self.passed: Collection[str] = ()
        self.frames = self.people = 0
        self.first_stamp = self.last_stamp = 0
        self.tracks: set[int] = set()
        names = [
            "decode",
            *(f.name for f in fields(StageTimes)),
            "mesh",
            "messages",
            "write",
            "observe",
        ]
        self.seconds: dict[str, float] = dict.fromkeys(names, 0.0)

    def start(self, bag: Bag) -> None:
        """Declare all topics, in an order that does not depend on the messages."""
        if self._writer is None:
            return
        options = self._options
        wanted = [
            (options.body_model_topic, codec.BODY_MODEL),
            (options.humans_topic, codec.HUMAN_ARRAY),
        ]
        if options.markers is not None:
            wanted.append((options.markers_topic, codec.MARKER_ARRAY))
        if options.meshes:
            wanted.append((options.meshes_topic, codec.HUMAN_MESH))
        for name, kind in wanted:
            latched = kind == codec.BODY_MODEL
            self._ours[kind] = self._writer.add_topic(name, kind, latched=latched)
        self.passed = _passed(options.passed, bag, {name for name, _ in wanted})
        for topic in bag.topics:
            if topic.name in self.passed:
                self._theirs[topic.name] = self._writer.copy_topic(topic)

    def pass_on(self, topic: str, stamp: int, data: memoryview) -> None:
        """A message as it is."""
        start = time.perf_counter()
        if self._writer is not None:
            self._writer.write(self._theirs[topic], stamp, data)
        self.seconds["write"] += time.perf_counter() - start

    def frame(self, item: BagFrame) -> bool:
        """One picture; False where enough of them are done."""
        options = self._options
        if self._skipped < options.first:
            self._skipped += 1
            return True
        if options.count is not None and self.frames >= options.count:
            return False
        result = self._pipeline.process(item.frame)
        clock = time.perf_counter
        start = clock()
        vertices = self._vertices(result.humans)
        meshed = clock()
        outputs = self._messages(result, vertices, item.decode_seconds)
        built = clock()
        if self._writer is not None:
            stamp = item.message.stamp
            if not self.frames:
                topology = body_model(self._engine.topology, self._identity)
                self._writer.write(self._ours[codec.BODY_MODEL], stamp, topology)
            for kind, data in outputs:
                self._writer.write(self._ours[kind], stamp, data)
        written = clock()
        if self._observe is not None:
            self._observe(item.frame, result, vertices)
        rest = (meshed - start, built - meshed, written - built, clock() - written)
        self._count(item, result, rest)
        return True

    def _vertices(self, humans: Sequence[Human]) -> FloatArray | None:
        options = self._options
        wanted = options.meshes or options.markers in (MarkerMesh.LOD, MarkerMesh.FULL)
        if not wanted or not humans:
            return None
        return self._engine.mesh(joined([human.parameters for human in humans]))

    def _messages(
        self, result: HumanFrame, vertices: FloatArray | None, decode_seconds: float
    ) -> list[tuple[str, bytes]]:
        if self._writer is None:
            return []
        options, identity = self._options, self._identity
        times = result.times if options.measured else StageTimes()
        decoding = decode_seconds if options.measured else 0.0
        people = human_array(result, identity, decode_seconds=decoding, times=times)
        outputs = [(codec.HUMAN_ARRAY, people)]
        if options.markers is not None:
            outputs.append((codec.MARKER_ARRAY, self._markers(result, vertices, options.markers)))
        if options.meshes and vertices is not None:
            for human, mesh in zip(result.humans, vertices, strict=True):
                outputs.append((codec.HUMAN_MESH, human_mesh(result, human, mesh, identity)))
        return outputs

    def _markers(self, result: HumanFrame, vertices: FloatArray | None, mesh: MarkerMesh) -> bytes:
        topology = self._engine.topology
        faces: NDArray[np.int32] | None = None
        if vertices is not None and mesh is not MarkerMesh.NONE:
            full = mesh is MarkerMesh.FULL
            faces = topology.faces if full else topology.lod_faces
            vertices = vertices if full else topology.lod(vertices)
        shown = {human.track_id for human in result.humans}
        gone, self._shown = self._shown - shown, shown
        placed = None if faces is None else vertices
        return marker_array(result, placed, faces, style=self._options.style, gone=gone)

    def _count(self, item: BagFrame, result: HumanFrame, rest: tuple[float, ...]) -> None:
        if not self.frames:
            self.first_stamp = result.stamp
        self.last_stamp = result.stamp
        self.frames += 1
        self.people += len(result.humans)
        self.tracks.update(human.track_id for human in result.humans)
        spent = (item.decode_seconds, *astuple(result.times), *rest)
        for name, value in zip(list(self.seconds), spent, strict=True):
            self.seconds[name] += value


def _passed(names: tuple[str, ...], bag: Bag, ours: set[str]) -> set[str]:
    present = {topic.name for topic in bag.topics}
    if "*" in names:
        return present - ours
    wanted = {"/" + name.strip("/") for name in names}
    for name in sorted(wanted):
        if name in ours:
            raise PearError(
                f"{name} is written by pear and cannot be passed on", where=str(bag.path)
            )
        if name not in present:
            raise PearError(f"no topic {name} to pass on", where=str(bag.path),
                            expected=", ".join(sorted(present)))  # fmt: skip
    return wanted


def _refuse_same_file(bag_in: Path | str, bag_out: Path | str | None) -> None:
    if bag_out is None:
        return
    source, target = Path(bag_in).resolve(), Path(bag_out).resolve()
    if source == target or (source.is_dir() and target.parent == source):
        raise PearError(
            "the output lies in the input", where=str(bag_out), expected="another place"
        )
