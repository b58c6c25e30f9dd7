"""Times of the engines per stage: crop, network, body, mesh.

    .venv/bin/python benchmarks/engines.py models/pear_vit_ti [MORE_BUNDLES] [--out FILE]

Writes benchmarks/results/engines.json. Per back end, precision and number of people: median and
fastest of many calls on a 640x480 picture, in milliseconds; and how long opening took.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_ros.engine import open_engine  # noqa: E402
from pear_ros.problems import PearError  # noqa: E402
from pear_ros.types import Crop  # noqa: E402

VARIANTS = (("openvino", "bf16"), ("openvino", "f32"), ("onnxruntime", "f32"))
PEOPLE = (1, 4)


def timed(call: Callable[[], Any], seconds: float) -> list[Any]:
    """Results of repeated calls for about this long, at least 8, after 3 to warm up."""
    for _ in range(3):
        call()
    results: list[Any] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(results) < 8:
        results.append(call())
    return results


def summary(seconds: list[float]) -> dict[str, float]:
    ms = [1e3 * s for s in seconds]
    return {"median_ms": round(statistics.median(ms), 3), "fastest_ms": round(min(ms), 3)}


def measure(folder: Path, backend: str, precision: str, seconds: float) -> dict[str, Any]:
    start = time.perf_counter()
    engine = open_engine(folder, backend, precision)
    opened = time.perf_counter() - start
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    people: dict[str, Any] = {}
    for count in PEOPLE:
        crops = [Crop(120 + 120 * i, 240, 380) for i in range(count)]
        outputs = timed(lambda crops=crops: engine.regress(image, crops), seconds)
        parameters = outputs[0].parameters

        def mesh(parameters: Any = parameters) -> float:
            begin = time.perf_counter()
            engine.mesh(parameters)
            return time.perf_counter() - begin

        people[str(count)] = {
            "crop": summary([o.crop_seconds for o in outputs]),
            "network": summary([o.network_seconds for o in outputs]),
            "body": summary([o.body_seconds for o in outputs]),
            "mesh": summary(timed(mesh, seconds / 2)),
        }
    info = engine.info
    return {
        "model": info.identity.model, "preset": info.identity.preset, "backend": info.backend,
        "version": info.version, "precision": info.precision, "geometry": info.geometry,
        "open_seconds": round(opened, 3), "people": people,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "engines.json"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    options = parser.parse_args()
    runs = []
    for folder in options.bundles:
        for backend, precision in VARIANTS:
            try:
                runs.append(measure(folder, backend, precision, options.seconds))
            except PearError as error:
                print(f"{folder.name} {backend} {precision}: {error}")
                continue
            for count, stages in runs[-1]["people"].items():
                row = "  ".join(f"{name} {v['median_ms']:8.3f}" for name, v in stages.items())
                print(f"{folder.name:14} {backend:12} {precision:5} {count} people  {row}  ms")
    result = {
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "versions": {p: version(p) for p in ("numpy", "openvino", "onnxruntime")}
        | {"python": platform.python_version()},
        "date": datetime.date.today().isoformat(),
        "runs": runs,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
