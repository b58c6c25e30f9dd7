"""What can be measured of an engine, as blocks of calls."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pear_ros.assets import find
from pear_ros.bench.sampling import Block, block
from pear_ros.engine import Engine
from pear_ros.engine.warp import strips
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.pipeline import Pipeline
from pear_ros.replay.reader import frames
from pear_ros.replay.replay import replay
from pear_ros.types import Crop, FloatArray, Frame, HumanFrame, RegressorOutput

TARGETS = ("network", "regressor", "mesh", "pipeline", "replay")
"""mesh measures the joints alone as well."""
WIDTH, HEIGHT = 640, 480
_INTERVAL = 33_333_333
"""Nanoseconds between the pictures of the pipeline."""


@runtime_checkable
class NetworkAlone(Protocol):
    """An engine whose network can be called without crop and body."""

    def raw(self, crops: FloatArray) -> FloatArray:
        """Network vectors (N, 935) of RGB strips (N, 3, 256, 192) in [0, 1]."""
        ...


@dataclass
class Target:
    """One row to be: stages are the medians of its parts once it has run."""

    name: str
    people: int
    run: Block
    parts: dict[str, list[float]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.name} x{self.people}"

    def stages_ms(self) -> dict[str, float]:
        return {name: 1e3 * statistics.median(times) for name, times in self.parts.items() if times}


def targets(
    engine: Engine, what: Sequence[str], people: Sequence[int], detector: str, scratch: Path
) -> list[Target]:
    """The targets named, for each number of people where that can be chosen.

    pipeline and replay take the people of the demo's pictures. detector: as for `open_detector`.
    scratch: a folder for bags.
    """
    found: list[Target] = []
    for count in people:
        image, crops = picture(count)
        if "network" in what:
            found.append(_network(engine, image, crops))
        if "regressor" in what:
            found.append(_regressor(engine, image, crops))
        if "mesh" in what:
            parameters = engine.regress(image, crops).parameters
            found.append(Target("mesh", count, block(lambda p=parameters: engine.mesh(p))))  # type: ignore[misc]
            found.append(Target("joints", count, block(lambda p=parameters: engine.joints(p))))  # type: ignore[misc]
    if "pipeline" in what:
        found.append(_pipeline(engine, detector))
    if "replay" in what:
        found.append(_replay(engine, detector, scratch))
    # Rows of one kind below each other, people growing.
    kinds = list(dict.fromkeys(target.name for target in found))
    return sorted(found, key=lambda target: kinds.index(target.name))


def picture(people: int) -> tuple[NDArray[np.uint8], list[Crop]]:
    """A picture of noise, and overlapping crops of a person's usual size in it."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    step = WIDTH / (people + 1)
    return image, [Crop(step * (i + 1), HEIGHT / 2, 380.0) for i in range(people)]


def _network(engine: Engine, image: NDArray[np.uint8], crops: list[Crop]) -> Target:
    if isinstance(engine, NetworkAlone):
        batch, alone = strips(image, crops), engine
        return Target("network", len(crops), block(lambda: alone.raw(batch)))

    def run(seconds: float) -> list[float]:
        outputs: list[RegressorOutput] = []
        block(lambda: outputs.append(engine.regress(image, crops)))(seconds)
        return [output.network_seconds for output in outputs]

    return Target("network", len(crops), run)


def _regressor(engine: Engine, image: NDArray[np.uint8], crops: list[Crop]) -> Target:
    parts: dict[str, list[float]] = {"crop": [], "network": [], "body": []}

    def call() -> None:
        output = engine.regress(image, crops)
        parts["crop"].append(output.crop_seconds)
        parts["network"].append(output.network_seconds)
        parts["body"].append(output.body_seconds)

    return Target("regressor", len(crops), block(call), parts)


def _pipeline(engine: Engine, detector: str) -> Target:
    """Pipeline.process on the demo's rendered pictures, there and back, 30 per second of stamps."""
    pipeline = Pipeline(engine, open_detector(detector))
    seen = list(frames(find("demo") / "rendered.mcap"))
    order = [*seen, *seen[-2:0:-1]]
    parts: dict[str, list[float]] = {}
    count = 0

    def call() -> None:
        nonlocal count
        frame = replace(order[count % len(order)], stamp=1_000_000_000 + count * _INTERVAL)
        count += 1
        times = pipeline.process(frame).times
        for name in times.__dataclass_fields__:
            parts.setdefault(name, []).append(getattr(times, name))

    return Target("pipeline", 1, block(call), parts)


def _replay(engine: Engine, detector: str, scratch: Path) -> Target:
    """The demo's bag to a bag of people, markers with the coarse mesh included; per picture."""
    source, out = find("demo") / "rendered.mcap", scratch / "people.mcap"
    pipeline = Pipeline(engine, open_detector(detector))

    def run(seconds: float) -> list[float]:
        durations: list[float] = []
        last = begin = time.perf_counter()

        def observe(frame: Frame, humans: HumanFrame, vertices: FloatArray | None) -> None:
            nonlocal last
            now = time.perf_counter()
            durations.append(now - last)
            last = now

        while not durations or last - begin < seconds:
            pipeline.reset()
            last = time.perf_counter()
            replay(source, out, pipeline, engine, observe=observe)
        return durations

    return Target("replay", 1, run)
