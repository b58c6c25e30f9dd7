"""Times of drawing: rasteriser, overlay and parameter files of one person at 640x480.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/overlay.py [--model NAME|DIR] [--out FILE]

Writes benchmarks/results/overlay.json. One thread, wall and CPU milliseconds, fastest and median of
many calls. The person is the body's template, 400 pixels tall; `lod` is the model's coarse mesh
(left out where no model is installed).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_ros.assets import DEFAULT_MODEL, body_dir, model_dir  # noqa: E402
from pear_ros.engine.bundle import TOPOLOGY  # noqa: E402
from pear_ros.engine.topology import read_topology  # noqa: E402
from pear_ros.output.machine import machine, versions  # noqa: E402
from pear_ros.output.mesh import vertex_normals, y_up  # noqa: E402
from pear_ros.output.raster import rasterise, supersampled  # noqa: E402
from pear_ros.output.shading import paint  # noqa: E402
from pear_ros.problems import PearError  # noqa: E402
from pear_ros.types import Intrinsics  # noqa: E402

CAMERA = Intrinsics(600.0, 600.0, 319.5, 239.5, 640, 480)
TALL = 400


def timed(call: Callable[[], object], seconds: float) -> dict[str, float]:
    """Repeated calls for about this long, after 3 to warm up."""
    for _ in range(3):
        call()
    wall: list[float] = []
    cpu: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(wall) < 8:
        start, work = time.perf_counter(), time.process_time()
        call()
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - work))
    return {
        "wall_median_ms": round(statistics.median(wall), 2),
        "wall_fastest_ms": round(min(wall), 2),
        "cpu_median_ms": round(statistics.median(cpu), 2),
        "cpu_fastest_ms": round(min(cpu), 2),
    }


def template() -> SimpleNamespace:
    """The body's template mesh, upright in the optical frame, TALL pixels high."""
    with np.load(body_dir() / "SMPLX_NEUTRAL.npz", allow_pickle=False) as file:
        vertices, faces = file["v_template"].astype(np.float32), file["f"].astype(np.int32)
    vertices = y_up(vertices - (vertices.min(0) + vertices.max(0)) / 2)
    distance = CAMERA.fy * float(np.ptp(vertices[:, 1])) / TALL
    return SimpleNamespace(vertices=vertices + np.float32([0, 0, distance]), faces=faces)


def measure(mesh: SimpleNamespace, image: Any, seconds: float) -> dict[str, Any]:
    view = supersampled(CAMERA, 2)
    vertices, faces = mesh.vertices, mesh.faces
    return {
        "triangles": len(faces),
        "pixels": len(rasterise(vertices, faces, CAMERA).pixel),
        "rasterise": timed(lambda: rasterise(vertices, faces, CAMERA), seconds),
        "rasterise_2x": timed(lambda: rasterise(vertices, faces, view), seconds),
        "normals": timed(lambda: vertex_normals(vertices, faces), seconds),
        "overlay": timed(
            lambda: paint(image, [vertices], faces, [(86, 180, 233)], CAMERA), seconds
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/overlay.json")
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    options = parser.parse_args()
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    full = template()
    meshes = {"full": measure(full, image, options.seconds)}
    try:
        path = model_dir(options.model) / TOPOLOGY
        topology = read_topology(path.read_bytes(), str(path))
        coarse = SimpleNamespace(vertices=topology.lod(full.vertices), faces=topology.lod_faces)
        meshes["lod"] = measure(coarse, image, options.seconds)
    except PearError as error:
        print(f"no coarse mesh: {error}", file=sys.stderr)
    for name, result in meshes.items():
        for stage, times in result.items():
            if isinstance(times, dict):
                print(f"{name:5} {stage:13}", "  ".join(f"{k} {v:7.2f}" for k, v in times.items()))
    content = {
        "machine": machine() | {"load": os.getloadavg()[0]},
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
        "image": [CAMERA.width, CAMERA.height],
        "meshes": meshes,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
