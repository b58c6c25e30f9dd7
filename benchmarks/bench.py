"""Every speed the project promises, in one command: python benchmarks/bench.py

    .venv/bin/python benchmarks/bench.py [--model pear_vit_ti] [--sizes vit_s,vit_b] [--seconds 4]

`pear bench` on the shipped model with eager torch beside it; the body in numpy beside the graphs it
was read from; networks with random weights in bf16 beside INT8, with what is not INT8 in bfloat16, as
exports run it where that keeps their limits, and in float32. (Random weights have no errors that mean
anything; the limits are kept, and measured, by exports of trained ones.) Within each part everything
takes turns, so ratios hold on a busy machine too; absolute figures need a quiet one.
Writes benchmarks/results/bench.json with the goals, met or missed; some five minutes. Needs torch
and onnx for the reference and the random networks (`./run test` installs them).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_ros.assets import find, model_dir  # noqa: E402
from pear_ros.bench.conditions import Conditions, between, hardware, moment  # noqa: E402
from pear_ros.bench.record import Result, as_object  # noqa: E402
from pear_ros.bench.run import Settings, label, run  # noqa: E402
from pear_ros.bench.sampling import Block, block, interleaved  # noqa: E402
from pear_ros.bench.summary import Summary, summarise  # noqa: E402
from pear_ros.bench.table import table  # noqa: E402
from pear_ros.engine import open_engine  # noqa: E402
from pear_ros.engine.bundle import BODY, MESH, Bundle, open_bundle  # noqa: E402
from pear_ros.engine.folded import FoldedBody, FoldedMesh, decoded, made_up_people  # noqa: E402
from pear_ros.engine.folded_constants import read_constants  # noqa: E402
from pear_ros.engine.onnx_graph import read_graph  # noqa: E402
from pear_ros.types import Parameters  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "bench.json"
PEOPLE = (1, 2, 4, 8)
CALIBRATED = 8
"""Shipped crops that the INT8 scales of random networks are chosen on."""
VARIANTS = {
    "f32": ("network.onnx", "f32"),
    "bf16": ("network.onnx", "bf16"),
    "int8": ("network.int8.onnx", "bf16"),
    "int8_rest_f32": ("network.int8.onnx", "f32"),
}
"""Random networks: graph, and what is computed where it says float32."""
INT8_GOALS = {"vit_s": 1.3, "vit_b": 1.7, "vit_h": 1.7}


def geometry(bundle: Bundle, seconds: float) -> dict[str, Summary]:
    """Joints and mesh by numpy and by the graphs, one person and four."""
    from pear_ros.engine.onnxruntime import open_session

    about = bundle.manifest["body"]["scale_about"]
    data = {name: bundle.read(name) for name in (BODY, MESH)}
    body, mesh = (
        FoldedBody(read_constants(read_graph(data[name], name)), about) for name in (BODY, MESH)
    )
    sessions = {name: open_session(data[name], name, 1) for name in (BODY, MESH)}
    blocks: dict[str, Block] = {}
    for people in (1, 4):
        raw = made_up_people(people)
        parameters = decoded(raw)
        names = [name for name in Parameters.__dataclass_fields__ if name != "hand_scale"]
        inputs = {name: np.ascontiguousarray(getattr(parameters, name)) for name in names}
        fresh = iter(_other_shapes(inputs), None)
        blocks |= {
            f"joints numpy x{people}": block(lambda p=parameters: body.joints(p)),
            f"joints graph x{people}": block(lambda r=raw: sessions[BODY].run({"raw": r})),
            f"mesh numpy x{people}": block(lambda i=inputs: FoldedMesh(mesh).run(i)),
            f"mesh numpy, new shapes x{people}": block(
                lambda f=fresh: FoldedMesh(mesh).run(next(f))
            ),
            f"mesh graph x{people}": block(lambda i=inputs: sessions[MESH].run(i)),
        }
    return {name: summarise(s) for name, s in interleaved(blocks, seconds).items()}


def _other_shapes(inputs: dict[str, Any]) -> Any:
    """A callable that gives the same people in another shape every time."""
    count = 0

    def other() -> dict[str, Any]:
        nonlocal count
        count += 1
        return inputs | {"betas": inputs["betas"] + np.float32(1e-4 * (count % 1000))}

    return other


def fabricate(folder: Path, size: str) -> None:
    """The network of a preset with random weights, in float32 and in INT8."""
    import torch

    from pear_core.export.calibration import batches, strips
    from pear_core.export.crops import load_crops
    from pear_core.export.graphs import Network
    from pear_core.export.onnx_export import export_graph
    from pear_core.export.quantise import activation_scales, targets
    from pear_core.export.search import Found
    from pear_core.export.variants import Recipe, load_graph, write_variant
    from pear_core.model.presets import PRESETS
    from pear_core.model.regressor import Regressor

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / "network.onnx"
    export_graph(Network(Regressor(PRESETS[size])), network, {})
    model = load_graph(network)
    crops = strips(load_crops(find("parity_crops/crops.npz"))[:CALIBRATED])
    scales = activation_scales(model, batches(crops), targets(model))
    every = Found(frozenset(), {}, 0.0, 1.0)
    write_variant(network, folder / "network.int8.onnx", Recipe("int8", every, scales), {})


def random_networks(sizes: list[str], seconds: float) -> dict[str, Any]:
    """One person through random networks in f32, bf16 and INT8, all in turns."""
    import openvino

    from pear_ros.engine.openvino import open_session, supports_bf16

    core = openvino.Core()
    crops = {"crops": np.random.default_rng(0).random((1, 3, 256, 192), dtype=np.float32)}
    found: dict[str, Any] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="pear_bench_") as folder:
            # In a process of its own: torch's memory and threads are not here while we measure.
            words = [sys.executable, __file__, "--fabricate", size, "--folder", folder]
            done = subprocess.run(words, check=False)
            if done.returncode:
                found[size] = {"failed": done.returncode}
                continue
            blocks: dict[str, Block] = {}
            for precision, (name, hint) in VARIANTS.items():
                if hint == "bf16" and not supports_bf16(core):
                    continue
                data = (Path(folder) / name).read_bytes()
                session = open_session(core, data, name, hint, None, people=1)
                blocks[precision] = block(lambda s=session: s.run(crops))
            samples = interleaved(blocks, seconds)
        found[size] = {name: asdict(summarise(s)) for name, s in samples.items()}
        print(size, {name: round(row["median_ms"], 2) for name, row in found[size].items()})
    return found


def goals(result: Result, parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was promised, what came out, and whether that is enough."""
    rows = {(row.target, row.people): row for row in result.rows}

    def median(target: str, people: int = 1) -> float:
        return rows[target, people].summary.median_ms

    one, four = rows["regressor", 1].summary, rows["regressor", 4].summary
    fastest = {"four people over one, times": four.fastest_ms / one.fastest_ms}
    speedup = rows["network", 1].speedup
    # Within the same calls: two rows of their own differ by more on a busy machine.
    stages = rows["regressor", 1].stages_ms
    over = 100 * (sum(stages.values()) / stages["network"] - 1)
    found = [
        ("default model over eager torch f32, times", speedup, 3.0, True),
        ("crop, network and body over the bare network, %", over, 15.0, False),
        ("mesh of one person, ms", median("mesh"), 2.0, False),
        ("joints of one person, ms", median("joints"), 0.2, False),
        ("four people over one, times", median("regressor", 4) / median("regressor"), 3.2, False),
    ]
    for size, precisions in parts.items():
        if {"bf16", "int8"} <= set(precisions) and size in INT8_GOALS:
            times = precisions["bf16"]["median_ms"] / precisions["int8"]["median_ms"]
            what = f"{size} int8 over bf16, times"
            found.append((what, times, INT8_GOALS[size], True))
            fastest[what] = precisions["bf16"]["fastest_ms"] / precisions["int8"]["fastest_ms"]
    return [
        {
            "what": what,
            "measured": None if value is None else float(f"{value:.4g}"),
            "goal": goal,
            "met": None if value is None else (value >= goal if more else value <= goal),
            "by_fastest_calls": float(f"{fastest[what]:.4g}") if what in fastest else None,
        }
        for what, value, goal, more in found
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="pear_vit_ti")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sizes", default="vit_s,vit_b", help="random networks, '' for none")
    parser.add_argument("--seconds", type=float, default=4.0, help="per row")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--fabricate", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fabricate:
        fabricate(options.folder, options.fabricate)
        return 0
    folder = model_dir(options.model)
    engine = open_engine(folder, options.engine, options.precision)
    settings = Settings(people=PEOPLE, seconds=options.seconds)
    result = run({label(engine): (engine, folder)}, settings)
    print(table(result))
    before = moment()
    body = geometry(open_bundle(folder), options.seconds)
    for name, summary in body.items():
        print(f"{name:30} {summary.median_ms:8.3f} ms  fastest {summary.fastest_ms:8.3f}")
    networks = random_networks([s for s in options.sizes.split(",") if s], options.seconds)
    conditions: Conditions = between(before, moment())
    reached = goals(result, networks)
    for goal in reached:
        mark = {True: "met", False: "MISSED", None: "not measured"}[goal["met"]]
        also = goal["by_fastest_calls"]
        print(
            f"{goal['what']:52} {goal['measured']!s:>8}  goal {goal['goal']:<5} {mark}"
            + (f" (by fastest calls {also})" if also else "")
        )
    warning = conditions.warning(int(hardware()["cores"]))
    for note in (*result.notes, *([warning] if warning else [])):
        print(f"note: {note}")
    record = {
        "what": "pear bench, the body in numpy and in graphs, random networks in bf16 and INT8",
        "goals": reached,
        "model": as_object(result),
        "geometry": {name: asdict(summary) for name, summary in body.items()},
        "random_networks": networks,
        "conditions_of_the_last_two": asdict(conditions),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
