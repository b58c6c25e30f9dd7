"""Jitter, lag and error of smoothed people on rendered motion: python benchmarks/smoothing.py

Nine motions of two people are rendered (640 x 480, 30 Hz, 4 s; the last with a moving camera), run through the
shipped model and the built-in detector, as is the demo's sequence, and smoothed as the node does. Compared with:
the same without lead (a one-euro filter on SO(3)); plain one-euro on 6D or quaternion components and causal
Savitzky-Golay, each with those settings of a grid that take most jitter at no more lag than ours. Jitter is the
mean jerk of the 22 body joints, lag that of their velocities against the truth less the regressed joints' own.
Writes benchmarks/results/smoothing.json and docs/pictures/smoothing.png. --cache keeps what the model saw.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.smoothing_filters import Judge, tuned  # noqa: E402
from benchmarks.smoothing_scenes import (  # noqa: E402
    FPS,
    NAMES,
    PAN,
    Arrays,
    K,
    actors,
    camera,
    recorded,
    regressed,
    rendered,
)
from pear_core import anatomy  # noqa: E402
from pear_core.data.synthetic.sequence import Stage  # noqa: E402
from pear_core.evaluate.metrics import pa_error  # noqa: E402
from pear_core.evaluate.motion_metrics import jitter, lag  # noqa: E402
from pear_ros.assets import body_dir, model_dir  # noqa: E402
from pear_ros.engine import Engine, open_engine  # noqa: E402
from pear_ros.output.machine import machine, versions  # noqa: E402
from pear_ros.output.mesh import joined  # noqa: E402
from pear_ros.perception.smoothing.smooth import Smoother, SmoothOptions  # noqa: E402
from pear_ros.types import (  # noqa: E402
    Box,
    Crop,
    FloatArray,
    Human,
    Parameters,
    Reference,
    ScaleSource,
    TrackState,
)

RESULT, PICTURE = ROOT / "benchmarks/results/smoothing.json", ROOT / "docs/pictures/smoothing.png"
SEEDS = (5, 6)
MOVING = ("wave1", "wave2", "jump", "walk", "come", "near")
"""Motions whose lag can be told: the others hardly move, or the model does not follow them."""
_BODY = anatomy.BODY_JOINTS


def _named(*words: str) -> list[int]:
    return [i for i, name in enumerate(_BODY) if any(word in name for word in words)]


PARTS: dict[str, tuple[list[int], int]] = {
    "torso": (_named("spine", "neck", "head", "collar", "hip"), anatomy.PELVIS),
    "arms": (_named("shoulder", "elbow", "wrist"), anatomy.PELVIS),
    "legs": (_named("knee", "ankle", "foot"), anatomy.PELVIS),
    "left_hand": (list(range(25, 40)), anatomy.LEFT_WRIST),
    "right_hand": (list(range(40, 55)), anatomy.RIGHT_WRIST),
    "face": (list(range(55, 106)), anatomy.HEAD),
}
"""Joints, and the joint they are seen from."""


def people(d: Arrays) -> Iterator[tuple[int, Human]]:
    for i, t in enumerate(d["t"]):
        own = Parameters(**{name: d[f"raw_{name}"][i : i + 1] for name in NAMES})
        yield 10**9 + round(float(t) * 1e9), Human(
            0, TrackState.TRACKED, Box(0, 0, 1, 1), Crop(0, 0, 1), own, own,
            np.zeros(3, np.float32), d["raw_transl"][i], d["raw_joints"][i],
            np.zeros((145, 2), np.float32), d["conf"][i], ScaleSource.INTRINSICS, 0.1,
        )  # fmt: skip


def smoothed(
    engine: Engine, d: Arrays, options: SmoothOptions, known: bool = False
) -> NDArray[np.float64]:
    """Joints (T, 145, 3); known: the smoother is told where the camera was."""
    smoother, joints = Smoother(engine, options), []
    for i, (stamp, human) in enumerate(people(d)):
        where = Reference("odom", d["rotation"][i], d["translation"][i]) if known else None
        joints.append(smoother.smooth(stamp, (human,), K, where)[0].joints)
    return np.stack(joints).astype(np.float64)


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
    out["pa_error_mm"] = pa_error(f, t).mean().item()
    out["raw_pa_error_mm"] = pa_error(r, t).mean().item()
    return {key: round(value, 2) for key, value in out.items()}


def parts(found: dict[str, NDArray[Any]], data: dict[str, Arrays]) -> dict[str, dict[str, float]]:
    """Per part of the body, seen from its root: jitter taken away and error, over all sequences."""
    out = {}
    for part, (joints, root) in PARTS.items():
        cut, errors = [], []
        for key, d in data.items():
            f, r, t = (
                torch.from_numpy(np.asarray(x[:, joints] - x[:, root : root + 1], np.float64))
                for x in (found[key], d["raw_joints"], d["true_joints"])
            )
            cut.append(1 - (jitter(f, FPS) / jitter(r, FPS)).item())
            errors.append([1e3 * (x - t).norm(dim=-1).mean().item() for x in (f, r)])
        error, raw_error = np.mean(errors, axis=0)
        out[part] = {
            "jitter_reduction": round(float(np.mean(cut)), 4),
            "error_mm": round(float(error), 2),
            "raw_error_mm": round(float(raw_error), 2),
        }
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
    for p in ("", "raw_"):
        out[f"{p}pa_error_mm"] = mean([r[f"{p}pa_error_mm"] for r in rows.values()])
    return out


def milliseconds(d: Arrays, count: int) -> dict[str, float]:
    """Time of one frame with so many people, joints of the engine not counted."""

    class NoBody:
        nothing = np.zeros((count, 145, 3), np.float32)

        def joints(self, parameters: Parameters) -> FloatArray:
            return self.nothing

    smoother, times = Smoother(NoBody(), SmoothOptions()), []
    one = [human for _, human in people(d)]
    for i in range(600):
        crowd = tuple(replace(one[i % len(one)], track_id=k) for k in range(count))
        # As the pipeline does, which has everybody's parameters in one.
        together = joined([human.parameters for human in crowd])
        start = time.perf_counter()
        smoother.smooth(10**9 + i * 33_333_333, crowd, K, None, together)
        times.append(1e3 * (time.perf_counter() - start))
    return {"median": round(float(np.median(times)), 3), "least": round(min(times), 3)}


def moving_camera(engine: Engine, data: dict[str, Arrays]) -> dict[str, dict[str, float]]:
    """The filmed-while-driving sequences, in the world: regressed, filtered in the optical frame, and
    in the reference frame; jitter in mm/s^3, error of the joints in mm, mean over people."""

    def world(joints: NDArray[Any], d: Arrays) -> torch.Tensor:
        turned = np.einsum("tij,tpj->tpi", d["rotation"], joints[:, :22].astype(np.float64))
        return torch.from_numpy(turned + d["translation"][:, None])

    out: dict[str, list[tuple[float, float, float]]] = {}
    for d in data.values():
        truth = world(d["true_joints"], d)
        for name, joints in {
            "regressed": d["raw_joints"].astype(np.float64),
            "optical": smoothed(engine, d, SmoothOptions()),
            "reference": smoothed(engine, d, SmoothOptions(), known=True),
        }.items():
            found = world(joints, d)
            # What the model gets wrong all the time is no matter of smoothing.
            apart = (found - truth) - (found - truth).mean(dim=0)
            pelvis = 1e3 * apart[:, 0].norm(dim=-1).mean().item()
            out.setdefault(name, []).append(
                (1e3 * jitter(found, FPS).item(), 1e3 * apart.norm(dim=-1).mean().item(), pelvis)
            )
    names = ("jitter", "varying_error_mm", "varying_pelvis_error_mm")
    return {
        key: dict(zip(names, np.mean(rows, axis=0).round(2).tolist(), strict=True))
        for key, rows in out.items()
    }


def own_curve(engine: Engine, judge: Judge) -> list[tuple[float, float]]:
    """Lag (ms) and share of jitter taken away of our filter, over its cutoff."""
    curve = []
    for cutoff in (0.7, 1.0, 1.5, 2.0, 3.0, 4.5):
        options = replace(SmoothOptions(), cutoff=cutoff, response=0.4 * cutoff)
        got = judge(lambda d, o=options: smoothed(engine, d, o))  # type: ignore[misc]
        curve.append((got["pose_lag_ms"], got["pose_jitter_reduction"]))
    return curve


def picture(d: Arrays, found: NDArray[Any], result: dict[str, Any]) -> None:
    """Left a wrist that waves twice a second: regressed, smoothed, true. Right all filters."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    wrist, window = anatomy.RIGHT_WRIST, slice(30, 90)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 3.6), dpi=110, width_ratios=(1.5, 1))
    t = d["t"][window]

    def sideways(joints: NDArray[Any]) -> NDArray[Any]:
        path = joints[:, wrist, 0] - joints[:, 0, 0]
        return 100 * (path - path.mean())[window]

    left.plot(t, sideways(d["true_joints"]), color="0.65", lw=3, label="true")
    left.plot(t, sideways(d["raw_joints"]), color="tab:red", lw=0.8, marker=".", label="regressed")
    left.plot(t, sideways(found), color="tab:blue", lw=2, label="smoothed")
    low, high = left.get_ylim()
    left.set(
        xlabel="seconds", ylabel="wrist, cm to the side", ylim=(low, high + 0.2 * (high - low))
    )
    left.legend(loc="upper center", ncols=3, frameon=False)
    marks = {
        "one_euro_6d": ("one-euro on 6D", "tab:orange"),
        "one_euro_quaternion": ("one-euro on quaternions", "tab:green"),
        "savitzky_golay_6d": ("causal Savitzky-Golay", "tab:purple"),
    }
    for name, (label, colour) in marks.items():
        lags, cuts = zip(*result[name]["lag_and_reduction"], strict=True)
        right.scatter(lags, 100 * np.array(cuts), s=14, color=colour, label=label)
    lags, cuts = zip(*result["ours"]["lag_and_reduction"], strict=True)
    right.plot(lags, 100 * np.array(cuts), color="tab:blue", lw=1.5, label="pear")
    ours = result["ours"]["summary"]
    right.scatter(ours["pose_lag_ms"], 100 * ours["pose_jitter_reduction"], s=70, color="tab:blue")
    right.axvspan(-10, 50, ymin=0.5, color="0.93", zorder=0)
    right.set(xlabel="lag, ms", ylabel="less jitter, %", xlim=(-10, 90), ylim=(40, 100))
    right.legend(loc="lower right", frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(PICTURE)


def collected(engine: Engine, cache: Path) -> dict[str, Arrays]:
    """What the model saw, rendered where the folder does not have it yet."""
    weights = engine.info.identity.weights_sha256[:8]
    data: dict[str, Arrays] = {}
    for seed in SEEDS:
        stage = Stage(body_dir(), seed=seed)
        for name, actor in track(actors(stage, seed).items(), f"people {seed}"):
            file = cache / f"{weights}_{name}_{seed}.npz"
            if not file.exists():
                np.savez_compressed(file, **regressed(rendered(engine, stage, actor, camera(name))))
            data[f"{name}_{seed}"] = dict(np.load(file))
    data["demo_0"] = regressed(recorded(engine))
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder for what the model saw")
    cache = parser.parse_args().cache or Path(tempfile.mkdtemp())
    cache.mkdir(parents=True, exist_ok=True)
    engine = open_engine(model_dir())
    everything = collected(engine, cache)
    data = {key: d for key, d in everything.items() if not key.startswith(PAN)}

    def rows_of(run: Callable[[Arrays], NDArray[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        found = {key: run(d) for key, d in data.items()}
        rows = {k: numbers(found[k], d["raw_joints"], d["true_joints"]) for k, d in data.items()}
        return found, rows

    def judge(run: Callable[[Arrays], NDArray[Any]]) -> dict[str, float]:
        return summary(rows_of(run)[1])

    default = SmoothOptions()
    found, rows = rows_of(lambda d: smoothed(engine, d, default))
    ours = summary(rows)
    result: dict[str, Any] = {
        "what": "smoothing on rendered motion, 30 Hz, shipped model; jitter in mm/s^3",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "model": engine.info.identity.model,
        "weights_sha256": engine.info.identity.weights_sha256,
        "ours": {
            "summary": ours,
            "parts": parts(found, data),
            "lag_and_reduction": own_curve(engine, judge),
            "milliseconds_per_frame": {n: milliseconds(data["wave1_5"], n) for n in (1, 8)},
            "sequences": rows,
        },
        "one_euro": {
            "summary": judge(lambda d: smoothed(engine, d, replace(default, lead=0.0))),
        },
        **tuned(engine, judge, ours["pose_lag_ms"]),
        "moving_camera": moving_camera(
            engine, {key: d for key, d in everything.items() if key.startswith(PAN)}
        ),
    }
    picture(data[f"wave2_{SEEDS[0]}"], found[f"wave2_{SEEDS[0]}"], result)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name in ("ours", "one_euro", "one_euro_6d", "one_euro_quaternion", "savitzky_golay_6d"):
        print(name, result[name].get("setting", ""), json.dumps(result[name]["summary"]))
    print(json.dumps({k: result["ours"][k] for k in ("parts", "milliseconds_per_frame")}))
    print("moving camera", json.dumps(result["moving_camera"]))
    print(f"Look at: {RESULT}, {PICTURE}")


if __name__ == "__main__":
    main()
