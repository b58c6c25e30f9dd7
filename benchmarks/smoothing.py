"""Jitter, lag and error of smoothed people on rendered motion: python benchmarks/smoothing.py

Eight motions of two people are rendered (640 x 480, 30 Hz, 4 s), run through the shipped model and the built-in
detector, and smoothed: as the node does, with the plain one-euro filter (no lead), and with a causal Savitzky-Golay
filter of the joints. Jitter is the mean jerk of the 22 body joints, lag that of their velocities against the truth.
Writes benchmarks/results/smoothing.json and docs/pictures/smoothing.png. --cache keeps what the model saw.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy.signal import savgol_coeffs

from pear_core.data.synthetic import motions
from pear_core.data.synthetic.motions import Actor
from pear_core.data.synthetic.people import sample_person
from pear_core.data.synthetic.sequence import Pinhole, Stage, camera_path
from pear_core.evaluate.motion_metrics import jitter, lag
from pear_ros.assets import body_dir, model_dir
from pear_ros.engine import Engine, open_engine
from pear_ros.output.machine import machine, versions
from pear_ros.perception.choose import open_detector
from pear_ros.perception.pipeline import Pipeline
from pear_ros.perception.smooth import Smoother, SmoothOptions
from pear_ros.types import (
    Box,
    Crop,
    Frame,
    Human,
    Intrinsics,
    Parameters,
    ScaleSource,
    TrackState,
)

ROOT = Path(__file__).parents[1]
RESULT, PICTURE = ROOT / "benchmarks/results/smoothing.json", ROOT / "docs/pictures/smoothing.png"
FPS, FRAMES, SEEDS = 30, 120, (5, 6)
CAMERA = Pinhole()
K = Intrinsics(CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, CAMERA.width, CAMERA.height)
NAMES = tuple(Parameters.__dataclass_fields__)
MOVING = ("wave1", "wave2", "jump", "walk", "come")
"""Motions whose lag can be told: the others hardly move, or the model does not follow them."""
Arrays = dict[str, NDArray[Any]]


def actors(stage: Stage, seed: int) -> dict[str, Actor]:
    """The motions, each by another person."""
    rng = np.random.default_rng(seed)
    t = np.arange(FRAMES) / FPS
    spot, facing = np.tile([3.0, 0.1], (FRAMES, 1)), np.full(FRAMES, np.pi)

    def who() -> Any:
        return sample_person(rng, stage.identities, upright=True)

    jump, lift = motions.jumping(t, 1.5)
    poses = {
        "wave1": motions.waving(t, 1.0), "wave2": motions.waving(t, 2.0), "jump": jump,
        "sit": motions.sitting(t, 1.2), "turn": motions.standing(t),
    }  # fmt: skip
    found = {
        name: motions.actor(
            who(), pose, spot,
            np.pi + np.linspace(-1.2, 1.2, FRAMES) if name == "turn" else facing,
            look=seed + i, lift=lift if name == "jump" else None,
        )
        for i, (name, pose) in enumerate(poses.items())
    }  # fmt: skip
    for i, (name, start, end) in enumerate(
        (("walk", (3.2, -1.3), (3.2, 1.3)), ("come", (5.5, 0.5), (2.6, 0.0)))
    ):
        path = motions.crossing(t, np.array(start), np.array(end))
        found[name] = motions.walk(who(), t, path, look=seed + 5 + i)
    found["stand"] = motions.actor(who(), motions.standing(t), spot, facing, look=seed + 7)
    return found


def regressed(engine: Engine, stage: Stage, actor: Actor) -> Arrays:
    """What the pipeline says of a rendered sequence, and the truth."""
    pipeline = Pipeline(engine, open_detector("auto"))
    rows = []
    path = camera_path((0, 0, 1.2), frames=FRAMES)
    for i, shot in enumerate(stage.shoot([actor], CAMERA, path)):
        people = pipeline.process(Frame(shot.image, 10**9 + i * 10**9 // FPS, "camera", K)).humans
        if people:
            rows.append((i / FPS, max(people, key=lambda h: h.box.y1 - h.box.y0), shot))
    arrays: Arrays = {"t": np.array([t for t, _, _ in rows])}
    for name in NAMES:
        arrays[f"raw_{name}"] = np.stack([getattr(h.parameters, name)[0] for _, h, _ in rows])
    arrays["raw_transl"] = np.stack([h.transl for _, h, _ in rows])
    arrays["raw_joints"] = np.stack([h.joints for _, h, _ in rows])
    arrays["true_joints"] = np.stack([s.joints[0] for _, _, s in rows])
    arrays["conf"] = np.stack([h.joint_confidence for _, h, _ in rows])
    return arrays


def people(d: Arrays) -> Iterator[tuple[int, Human]]:
    for i, t in enumerate(d["t"]):
        own = Parameters(**{name: d[f"raw_{name}"][i : i + 1] for name in NAMES})
        yield 10**9 + round(float(t) * 1e9), Human(
            0, TrackState.TRACKED, Box(0, 0, 1, 1), Crop(0, 0, 1), own, own,
            np.zeros(3, np.float32), d["raw_transl"][i], d["raw_joints"][i],
            np.zeros((145, 2), np.float32), d["conf"][i], ScaleSource.INTRINSICS, 0.1,
        )  # fmt: skip


def smoothed(engine: Engine, d: Arrays, options: SmoothOptions) -> NDArray[np.float64]:
    smoother = Smoother(engine, options)
    joints = [smoother.smooth(stamp, (human,), K, None)[0].joints for stamp, human in people(d)]
    return np.stack(joints).astype(np.float64)


def savitzky_golay(joints: NDArray[Any], window: int = 7, order: int = 2) -> NDArray[np.float64]:
    """Causal: the fit's value at the newest of the last `window` frames."""
    weights = savgol_coeffs(window, order, pos=window - 1, use="dot")
    out = joints.astype(np.float64).copy()
    for i in range(window - 1, len(out)):
        out[i] = np.tensordot(weights, joints[i - window + 1 : i + 1], axes=(0, 0))
    return out


def numbers(found: NDArray[Any], raw: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    """Of one sequence, over the 22 body joints in the optical frame and relative to the pelvis."""
    f, r, t = (torch.from_numpy(np.asarray(x[:, :22], np.float64)) for x in (found, raw, truth))
    out = {}
    for name, (x, y, z) in {
        "": (f, r, t),
        "pose_": tuple(p - p[:, :1] for p in (f, r, t)),
    }.items():
        out[f"{name}jitter"] = 1e3 * jitter(x, FPS).item()
        out[f"{name}raw_jitter"] = 1e3 * jitter(y, FPS).item()
        out[f"{name}true_jitter"] = 1e3 * jitter(z, FPS).item()
        out[f"{name}lag_ms"] = 1e3 * lag(x, z, FPS).item()
        out[f"{name}raw_lag_ms"] = 1e3 * lag(y, z, FPS).item()
        out[f"{name}error_mm"] = 1e3 * (x - z).norm(dim=-1).mean().item()
        out[f"{name}raw_error_mm"] = 1e3 * (y - z).norm(dim=-1).mean().item()
    return out


def summary(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """Over all sequences; lag over those that move, beyond what the model itself has."""

    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), 4)

    moving = [r for name, r in rows.items() if name.split("_")[0] in MOVING]
    out = {}
    for p in ("", "pose_"):
        cut = [1 - r[f"{p}jitter"] / r[f"{p}raw_jitter"] for r in rows.values()]
        late = [r[f"{p}lag_ms"] - r[f"{p}raw_lag_ms"] for r in moving]
        out |= {
            f"{p}jitter_reduction": mean(cut), f"{p}least_jitter_reduction": round(min(cut), 4),
            f"{p}lag_ms": mean(late), f"{p}largest_lag_ms": round(max(late), 2),
            f"{p}error_mm": mean([r[f"{p}error_mm"] for r in rows.values()]),
            f"{p}raw_error_mm": mean([r[f"{p}raw_error_mm"] for r in rows.values()]),
        }  # fmt: skip
    return out


def picture(d: Arrays, found: NDArray[Any]) -> None:
    """The waving wrist's height over two seconds: regressed, smoothed, true."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    wrist, part = 21, slice(30, 90)
    figure, axes = pyplot.subplots(figsize=(8, 3), dpi=130)
    t = d["t"][part]

    def height(joints: NDArray[Any]) -> NDArray[Any]:
        return -(joints[part, wrist, 1] - joints[part, 0, 1])

    axes.plot(t, height(d["true_joints"]), color="0.6", lw=3, label="true")
    axes.plot(t, height(d["raw_joints"]), color="tab:red", lw=1, marker=".", label="regressed")
    axes.plot(t, height(found), color="tab:blue", lw=2, label="smoothed")
    axes.set(xlabel="seconds", ylabel="wrist above pelvis, m")
    axes.legend(loc="upper right", ncols=3, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(PICTURE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder for what the model saw")
    cache = parser.parse_args().cache or Path(tempfile.mkdtemp())
    cache.mkdir(parents=True, exist_ok=True)
    engine = open_engine(model_dir())
    data: dict[str, Arrays] = {}
    for seed in SEEDS:
        stage = Stage(body_dir(), seed=seed)
        for name, actor in track(actors(stage, seed).items(), f"people {seed}"):
            file = cache / f"{name}_{seed}.npz"
            if not file.exists():
                np.savez_compressed(file, **regressed(engine, stage, actor))
            data[f"{name}_{seed}"] = dict(np.load(file))
    default = SmoothOptions()
    filters = {"ours": default, "one_euro": replace(default, lead=0.0)}
    result: dict[str, Any] = {
        "what": "smoothing on rendered motion, 30 Hz, shipped model; jitter in mm/s^3",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "model": engine.info.identity.model,
        "weights_sha256": engine.info.identity.weights_sha256,
    }
    for name, options in filters.items():
        found = {key: smoothed(engine, d, options) for key, d in data.items()}
        rows = {k: numbers(found[k], d["raw_joints"], d["true_joints"]) for k, d in data.items()}
        result[name] = {"summary": summary(rows), "sequences": rows if name == "ours" else {}}
        if name == "ours":
            picture(data[f"wave1_{SEEDS[0]}"], found[f"wave1_{SEEDS[0]}"])
    rows = {
        k: numbers(savitzky_golay(d["raw_joints"]), d["raw_joints"], d["true_joints"])
        for k, d in data.items()
    }
    result["savitzky_golay"] = {"summary": summary(rows), "sequences": {}}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name in ("ours", "one_euro", "savitzky_golay"):
        print(name, json.dumps(result[name]["summary"]))
    print(f"Look at: {RESULT}, {PICTURE}")


if __name__ == "__main__":
    main()
