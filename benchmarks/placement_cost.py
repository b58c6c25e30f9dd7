"""What placing people costs per frame, the engine's calls not counted."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.placement_scenes import Scene, sensed
from pear_ros.engine import Engine
from pear_ros.perception.placing.metric import PlaceOptions, Placer
from pear_ros.problems import Problems
from pear_ros.types import Crop, Frame, Parameters


def cost(engine: Engine, scene: Scene) -> dict[str, Any]:
    """Milliseconds of placing 1 and 8 people, the engine's calls not counted."""
    found: dict[str, Any] = {}
    k, far = scene.intrinsics, sensed(scene.depth, 0)
    crop = square(scene)
    output = engine.regress(scene.image, [crop])
    for count in (1, 8):
        many = repeated(output, count)
        keypoints = many.keypoints * crop.side + (crop.cx, crop.cy) - 0.5 * crop.side
        sure = np.ones(keypoints.shape[:2], np.float32)
        for name, image in (("without_depth", None), ("with_depth", far)):
            placer = Placer(engine, PlaceOptions(), Problems())
            placer.prepare()
            frame = Frame(scene.image, intrinsics=k, depth=image)

            def call(
                placer: Placer = placer,
                frame: Frame = frame,
                many: Any = many,
                keypoints: Any = keypoints,
                sure: Any = sure,
                count: int = count,
            ) -> Any:
                return placer.place(
                    frame, many, range(count), keypoints, sure, [crop] * count, k, True
                )  # fmt: skip

            found[f"{name}_{count}"] = timed(call)
    return found


def square(scene: Scene) -> Crop:
    low, high = scene.shot.keypoints[0].min(axis=0), scene.shot.keypoints[0].max(axis=0)
    return Crop(*(0.5 * (low + high)).tolist(), 1.25 * float((high - low).max()))


def repeated(output: Any, count: int) -> Any:
    people = Parameters(**{
        n: np.repeat(getattr(output.parameters, n), count, axis=0)
        for n in Parameters.__dataclass_fields__
    })  # fmt: skip
    arrays = {
        n: np.repeat(getattr(output, n), count, axis=0) for n in ("joints", "keypoints", "camera")
    }
    return replace(output, parameters=people, **arrays)


def timed(call: Any, repeat: int = 300) -> dict[str, float]:
    for _ in range(10):
        call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    return {"median_ms": round(statistics.median(times), 3), "best_ms": round(times[0], 3)}
