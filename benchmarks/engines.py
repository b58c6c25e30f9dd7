"""Times of every engine and precision of a bundle per stage, and how far each is from torch.

    pear export pear_vit_ti --out /tmp/x/pear_vit_ti --precision fp32 bf16 int8
    .venv/bin/python benchmarks/engines.py /tmp/x/pear_vit_ti [MORE_BUNDLES] [--out FILE]

Writes benchmarks/results/engines.json. Engines take turns, so that a busy moment hits all of them.
Per back end, precision and number of people: median and fastest of many calls on a 640x480 picture,
in milliseconds; and the errors that the bundle's own parity.json states.
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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_ros.engine import Engine, open_engine  # noqa: E402
from pear_ros.output.machine import machine  # noqa: E402
from pear_ros.problems import PearError  # noqa: E402
from pear_ros.types import Crop  # noqa: E402

BACKENDS, PRECISIONS = ("openvino", "onnxruntime"), ("f32", "bf16", "int8", "w8")
PEOPLE = (1, 2, 4)
STAGES = ("crop", "network", "body")
WARM_UP = 4


def opened(folder: Path) -> tuple[dict[tuple[str, str], Engine], dict[tuple[str, str], float]]:
    """Every engine of a bundle that runs here, and how long opening took."""
    engines, seconds = {}, {}
    for backend in BACKENDS:
        for precision in PRECISIONS:
            start = time.perf_counter()
            try:
                engines[backend, precision] = open_engine(folder, backend, precision)
            except PearError as error:
                print(f"{folder.name} {backend} {precision}: {error}")
                continue
            seconds[backend, precision] = time.perf_counter() - start
    return engines, seconds


def measure(folder: Path, rounds: int) -> list[dict[str, Any]]:
    engines, seconds = opened(folder)
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    times: dict[Any, dict[int, dict[str, list[float]]]] = {
        key: {n: {s: [] for s in (*STAGES, "mesh")} for n in PEOPLE} for key in engines
    }
    for count in PEOPLE:
        crops = [Crop(120 + 50 * i, 240, 380) for i in range(count)]
        for turn in range(WARM_UP + rounds):
            for key, engine in engines.items():
                output = engine.regress(image, crops)
                start = time.perf_counter()
                engine.mesh(output.parameters)
                spent = {s: getattr(output, f"{s}_seconds") for s in STAGES}
                spent["mesh"] = time.perf_counter() - start
                if turn >= WARM_UP:
                    for stage, value in spent.items():
                        times[key][count][stage].append(value)
    stated = errors(folder)
    runs = []
    for key, engine in engines.items():
        info = engine.info
        people = {
            str(n): {s: summary(values) for s, values in times[key][n].items()} for n in PEOPLE
        }
        runs.append({
            "model": info.identity.model, "preset": info.identity.preset, "backend": info.backend,
            "version": info.version, "precision": info.precision, "geometry": info.geometry,
            "open_seconds": round(seconds[key], 3), "people": people,
            "against_torch": stated.get(key),
        })  # fmt: skip
        row = "  ".join(
            f"{n}: {people[str(n)]['network']['fastest_ms']:.1f} "
            f"({people[str(n)]['network']['median_ms']:.1f})"
            for n in PEOPLE
        )
        print(f"{folder.name} {key[0]:12} {key[1]:5} network, fastest (median) ms for {row}")
    return runs


def errors(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Mean errors by engine and precision from the parity report of the export."""
    try:
        reports = json.loads((folder / "parity.json").read_text())
    except OSError:
        return {}
    return {
        (r["engine"], r["precision"]): {
            "mean_vertex_mm": round(r["vertices"]["mean"], 4),
            "worst_vertex_mm": round(r["vertices"]["worst"], 3),
            "mean_joint_degrees": round(r["rotations"]["mean"], 5),
        }
        for r in reports
    }


def lowered(folder: Path) -> dict[str, float]:
    """Share of the multiplications with weights that each graph below float32 does in its type."""
    graphs = json.loads((folder / "manifest.json").read_text())["graphs"]
    return {
        str(g["computes"]): float(g["lowered_share_of_work"])
        for g in graphs.values()
        if "lowered_share_of_work" in g
    }


def summary(seconds: list[float]) -> dict[str, float]:
    ms = [1e3 * s for s in seconds]
    return {"median_ms": round(statistics.median(ms), 3), "fastest_ms": round(min(ms), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "engines.json"
    )
    parser.add_argument("--rounds", type=int, default=25, help="calls per engine and count")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    runs = [run for folder in options.bundles for run in measure(folder, options.rounds)]
    stated = {folder.name: errors(folder) for folder in options.bundles}
    first = [run for run in runs if run["model"] == runs[0]["model"]]
    result = {
        "machine": machine() | {"load_before": load},
        "versions": {p: version(p) for p in ("numpy", "openvino", "onnxruntime")}
        | {"python": platform.python_version()},
        "date": datetime.date.today().isoformat(),
        "runs": runs,
        "network_fastest_ms": {
            f"{r['backend']}_{r['precision']}": {
                n: stages["network"]["fastest_ms"] for n, stages in r["people"].items()
            }
            for r in first
        },
        "in_its_types": {
            precision: values
            for (engine, precision), values in errors(options.bundles[0]).items()
            if engine == "types of the graph"
        },
        "lowered_share_of_work": lowered(options.bundles[0]),
        "parity": {
            name: [{"engine": e, "precision": p, **values} for (e, p), values in found.items()]
            for name, found in stated.items()
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
