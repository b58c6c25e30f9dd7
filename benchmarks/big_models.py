"""What a published-size model costs: peak memory and time of convert, load, export and run.

    .venv/bin/python benchmarks/big_models.py [--model vit_h] [--keep DIR]

A checkpoint with random weights under the published names goes the whole way a real one goes, every
stage in a process of its own. Two peaks per stage: all resident memory, of which mapped files are
part (the system takes those back when it needs them), and the process's own. Writes
benchmarks/results/big_models.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_ros.output.machine import machine, versions  # noqa: E402

RESULT = Path(__file__).parent / "results" / "big_models.json"
BODY = ROOT / "models" / "free_body"
CHECKPOINT, CONVERTED, RAW = "published.pt", "model.safetensors", "raw.npy"
EXACT, REPEATS = "exact", 3
RUNS = (
    ("f16", "openvino", "f32"),
    ("f16", "openvino", "bf16"),
    ("f16", "onnxruntime", "f32"),
    ("bf16", "openvino", "bf16"),
)


def fabricate(folder: Path, model: str) -> dict[str, Any]:
    """A published-format file of this size with random weights."""
    import torch

    from pear_core.model import checkpoint
    from pear_core.model.presets import PRESETS
    from pear_core.model.published import to_published
    from pear_core.model.regressor import Regressor

    with torch.device("meta"):
        content = to_published(Regressor(PRESETS[model]).state_dict(), PRESETS[model])
    generator = torch.Generator().manual_seed(0)
    for part in content.values():
        for name, like in part.items():
            value = torch.empty(like.shape).normal_(std=0.02, generator=generator)
            if "norm" in name and name.endswith("weight"):
                value += 1.0
            part[name] = value
    checkpoint.write_torch(folder / CHECKPOINT, {**content, "global_iter": 0})
    return {"bytes": (folder / CHECKPOINT).stat().st_size}


def convert(folder: Path, model: str) -> dict[str, Any]:
    """`pear convert published.pt --to safetensors`."""
    from pear_core.model.convert import convert as run

    report = run(folder / CHECKPOINT, folder / CONVERTED)
    (folder / CHECKPOINT).unlink()
    return {
        "bytes": (folder / CONVERTED).stat().st_size,
        "keys": {"used": len(report.used), "unused": len(report.unused)},
    }


def load(folder: Path, model: str) -> dict[str, Any]:
    """checkpoint.load, before any weight is used."""
    from pear_core.model import checkpoint

    regressor, info = checkpoint.load(folder / CONVERTED)
    return {
        "parameters": sum(p.numel() for p in regressor.parameters()),
        "preset": info.config.name,
    }


def forward(folder: Path, model: str) -> dict[str, Any]:
    """One crop in torch, float32; the numbers that the engines are compared with."""
    import torch

    from pear_core.model import checkpoint

    regressor, _ = checkpoint.load(folder / CONVERTED)
    with torch.inference_mode():
        np.save(folder / RAW, regressor(torch.from_numpy(crops(1))).numpy())
    return {}


def export(folder: Path, model: str) -> dict[str, Any]:
    """`export_bundle` with the weights as they are: beyond 2 GB they lie beside the graph."""
    from pear_core.export.bundle import export_bundle

    out = export_bundle(folder / CONVERTED, BODY, folder / EXACT, weights="f32")
    return {"files": {path.name: path.stat().st_size for path in sorted(out.iterdir())}}


def lowered(folder: Path, model: str, precision: str) -> dict[str, Any]:
    """The network graph of the exact bundle, written again in a low precision."""
    import onnx_ir

    from pear_core.export.bundle import IDENTITY_KEY, MANIFEST, NETWORK
    from pear_core.export.identity import sha256
    from pear_core.export.onnx_export import DATA_SUFFIX, write_graph

    out = folder / precision
    skipped = shutil.ignore_patterns(NETWORK, NETWORK + DATA_SUFFIX, CONVERTED)
    shutil.copytree(folder / EXACT, out, ignore=skipped)
    graph = onnx_ir.load(folder / EXACT / NETWORK)
    identity = graph.metadata_props[IDENTITY_KEY]
    write_graph(graph, out / NETWORK, {IDENTITY_KEY: identity}, precision)
    manifest = json.loads((out / MANIFEST).read_text())
    path = out / NETWORK
    manifest["files"][NETWORK] = {"size": path.stat().st_size, "sha256": sha256(path)}
    (out / MANIFEST).write_text(json.dumps(manifest))
    return {"bytes": path.stat().st_size}


def export_f16(folder: Path, model: str) -> dict[str, Any]:
    """The same network in float16."""
    return lowered(folder, model, "f16")


def export_bf16(folder: Path, model: str) -> dict[str, Any]:
    """The same network in bfloat16."""
    return lowered(folder, model, "bf16")


def external(folder: Path, model: str) -> dict[str, Any]:
    """The exact float32 network, its weights beside it, in ONNX Runtime."""
    import onnxruntime

    start = time.perf_counter()
    session = onnxruntime.InferenceSession(
        str(folder / EXACT / "network.onnx"), providers=["CPUExecutionProvider"]
    )
    opened = time.perf_counter() - start
    raw, times = timed(lambda: session.run(None, {"crops": crops(1)})[0])
    return {"open_seconds": round(opened, 1), **times, **deviation(folder, raw)}


def run(folder: Path, bundle: str, backend: str, precision: str) -> dict[str, Any]:
    """The pipeline's own engine on a bundle: one person of one picture."""
    from pear_ros.engine import open_engine
    from pear_ros.types import Crop

    start = time.perf_counter()
    engine = open_engine(folder / bundle, backend, precision)
    opened = time.perf_counter() - start
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    output, times = timed(lambda: engine.regress(picture, [Crop(128.0, 128.0, 256.0)]))
    return {
        "open_seconds": round(opened, 1), **times, "precision": engine.info.precision,
        "network_ms": round(1e3 * output.network_seconds, 1),
        **deviation(folder, engine._network.run({"crops": crops(1)})["raw"]),
    }  # fmt: skip


def timed(call: Any) -> tuple[Any, dict[str, float]]:
    """The last result, and the fastest of a few calls after one to warm up."""
    result, best = call(), float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - start)
    return result, {"fastest_ms": round(1e3 * best, 1)}


def deviation(folder: Path, raw: Any) -> dict[str, float]:
    """How far the 935 numbers are from torch's."""
    expected = np.load(folder / RAW)
    difference = np.abs(np.asarray(raw, np.float64) - expected)
    return {
        "worst_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "spread_of_outputs": float(expected.std()),
    }


def crops(people: int) -> np.ndarray:
    """RGB strips [people, 3, 256, 192] in [0, 1]."""
    rng = np.random.default_rng(1)
    return rng.random((people, 3, 256, 192), dtype=np.float32)


STAGES = {
    stage.__name__: stage
    for stage in (fabricate, convert, load, forward, export, export_f16, export_bf16, external)
}


def measured(words: list[str]) -> dict[str, Any]:
    """Runs one stage in a process of its own and watches its memory."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True
    )
    peaks = {"RssAnon": 0, "VmHWM": 0}
    while process.poll() is None:
        try:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in peaks:
                    peaks[name] = max(peaks[name], int(value.split()[0]))
        except (OSError, ValueError, IndexError):
            pass
        time.sleep(0.02)
    assert process.stdout is not None
    said = process.stdout.read().strip().splitlines()
    result: dict[str, Any] = {
        "stage": " ".join(words[1:-4]),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_resident_mb": round(peaks["VmHWM"] / 1024),
        "peak_own_mb": round(peaks["RssAnon"] / 1024),
    }
    if process.returncode:
        return result | {"failed": process.returncode}
    return result | json.loads(said[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--model", default="vit_h")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave the files there")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.stage:
        stage = STAGES.get(options.stage[0])
        result = (
            stage(options.folder, options.model) if stage else run(options.folder, *options.stage)
        )
        print(json.dumps(result))
        return
    folder = options.keep or Path(tempfile.mkdtemp(prefix="pear_big_"))
    folder.mkdir(parents=True, exist_ok=True)
    stages = []
    try:
        for words in [[name] for name in STAGES] + [list(words) for words in RUNS]:
            stages.append(
                measured(["--stage", *words, "--model", options.model, "--folder", str(folder)])
            )
            print(json.dumps(stages[-1]), flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    record = {
        "what": f"{options.model} with random weights, published key names, one crop, CPU",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "stages": stages,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
