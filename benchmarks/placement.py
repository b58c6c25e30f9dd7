"""Where people stand, against where they were rendered: with and without depth, known, tilted.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/placement.py

Writes benchmarks/results/placement.json. Dressed people of the free body (natural statures, 1.4 to
2.1 m), one per 640 x 480 picture, half of them partly behind something; the shipped model with the
built-in detector, every picture on its own. The constants in `pear_ros/perception/{place,depth}.py`
were chosen on the set "calibration"; "held_out" has other people, clothes, rooms and cameras.
--fixture writes the data of tests/ros/perception/test_placement_recorded.py instead, --picture the
one of docs/placement.md.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.placement_cost import cost  # noqa: E402
from benchmarks.placement_scenes import HOLES, RANGE, TILTS, Scene, Studio, sensed  # noqa: E402
from pear_ros.engine import Engine, open_engine  # noqa: E402
from pear_ros.perception.detection.choose import open_detector  # noqa: E402
from pear_ros.perception.pipeline import Pipeline  # noqa: E402
from pear_ros.perception.placing import depth, skin  # noqa: E402
from pear_ros.perception.placing.metric import PlaceOptions  # noqa: E402
from pear_ros.perception.placing.stature import KnownPeople, StatureModel  # noqa: E402
from pear_ros.types import Frame, Human, Parameters, ScaleSource  # noqa: E402

MODEL = ROOT / "models" / "pear_vit_ti"
FIXTURE = ROOT / "tests" / "ros" / "perception" / "placing" / "data" / "placement.npz"
SETS = {"calibration": 101, "held_out": 202}
QUANTILES = {"median": 0.5, "p68": 0.68, "p90": 0.9}
SIGMAS = {"one": 1.0, "one_645": 1.645, "two": 2.0}


@dataclass(frozen=True)
class Result:
    """One person found in one scene. error (3,): of the pelvis, metres, optical frame."""

    error: NDArray[np.float64]
    distance: float
    sigma: float
    scale: ScaleSource
    hidden: float
    whole: bool
    stature: float


class Runner:
    """The pipeline as a user has it, on pictures that do not follow each other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pipeline = Pipeline(engine, open_detector("auto", 1), placing=PlaceOptions())
        self.statures, self.skin = StatureModel.of(engine), skin.Skin.of(engine)

    def human(self, scene: Scene, options: PlaceOptions, seed: int | None) -> Human | None:
        """Whoever is nearest to the rendered person in the picture. seed: of the depth image."""
        self.pipeline.placer.options = options
        self.pipeline.reset()
        image = None if seed is None else sensed(scene.depth, seed)
        frame = Frame(scene.image, intrinsics=scene.intrinsics, depth=image)
        truth = scene.shot.keypoints[0, :22]
        size = np.ptp(truth, axis=0).max()
        found = [
            (float(np.abs(h.keypoints[:22] - truth).mean()), i, h)
            for i, h in enumerate(self.pipeline.process(frame).humans)
        ]
        best = min(found, default=None)
        return best[2] if best is not None and best[0] < 0.25 * size else None

    def stature(self, scene: Scene) -> float:
        return float(self.statures.stature(numpy_parameters(scene.shot.parameters))[0])

    def result(self, scene: Scene, human: Human) -> Result:
        error = human.joints[0].astype(np.float64) - scene.pelvis
        pixels = scene.shot.keypoints[0, :22]
        inside = ((pixels > 0) & (pixels < (639, 479))).all()
        return Result(error, float(scene.pelvis[2]), human.depth_sigma, human.scale, scene.hidden,
                      bool(inside), self.stature(scene))  # fmt: skip


def numpy_parameters(batch: Any) -> Parameters:
    return Parameters(**{n: getattr(batch, n).numpy() for n in Parameters.__dataclass_fields__})


def coverage(results: list[Result]) -> dict[str, Any]:
    """How often the error stays within 1, 1.645 and 2 stated sigma, and the errors themselves."""
    if not results:
        return {"people": 0}
    error = np.array([r.error[2] for r in results])
    share = np.abs(error) / [r.distance for r in results]
    within = np.abs(error) / [r.sigma for r in results]
    return {
        "people": len(results),
        "within_sigma": {name: round(float((within <= c).mean()), 3) for name, c in SIGMAS.items()},
        "error_over_sigma": {
            name: round(float(np.quantile(within, q)), 2) for name, q in QUANTILES.items()
        },
        "relative_error": {
            name: round(float(np.quantile(share, q)), 4) for name, q in QUANTILES.items()
        },
        "relative_bias": round(float(np.median(error / [r.distance for r in results])), 4),
    }


def precision(results: list[Result]) -> dict[str, Any]:
    """Errors in centimetres: of the distance, across it, and of the place as a whole."""
    if not results:
        return {"people": 0}
    error = 100 * np.array([r.error for r in results])
    parts = {
        "distance": np.abs(error[:, 2]),
        "across": np.linalg.norm(error[:, :2], axis=1),
        "position": np.linalg.norm(error, axis=1),
    }
    quantiles = {
        f"{name}_cm": {part: round(float(np.quantile(e, q)), 2) for part, q in QUANTILES.items()}
        for name, e in parts.items()
    }
    gross = int((np.abs(error[:, 2]) > 20).sum())
    bias = round(float(np.median(error[:, 2])), 2)
    return {"people": len(results), **quantiles, "bias_cm": bias, "over_20_cm": gross}


def measured_set(runner: Runner, seed: int, count: int) -> dict[str, Any]:
    """All figures of one set of pictures."""
    studio = Studio(seed)
    plain, known, deep, missed = [], [], [], 0
    for i in track(range(count), f"set {seed}"):
        scene = studio.scene(i)
        human = runner.human(scene, PlaceOptions(), None)
        if human is None:
            missed += 1
            continue
        plain.append(runner.result(scene, human))
        options = PlaceOptions(known=KnownPeople(runner.stature(scene)))
        human = runner.human(scene, options, None)
        assert human is not None
        known.append(runner.result(scene, human))
        human = runner.human(scene, PlaceOptions(), i)
        assert human is not None
        deep.append(runner.result(scene, human))
    used = [r for r in deep if r.scale is ScaleSource.DEPTH]
    near = [r for r in used if 2 <= r.distance <= 5]
    statures = np.array([r.stature for r in plain])
    bands = np.quantile(statures, [0, 1 / 3, 2 / 3, 1])
    return {
        "seed": seed,
        "pictures": count,
        "not_found": missed,
        "stature_m": {
            "mean": round(float(statures.mean()), 3),
            "std": round(float(statures.std()), 3),
        },
        "intrinsics": {
            **coverage(plain),
            "whole_in_picture": coverage([r for r in plain if r.whole]),
            "cut": coverage([r for r in plain if not r.whole]),
            "hidden_over_30_percent": coverage([r for r in plain if r.hidden > 0.3]),
            "by_stature": {
                f"{low:.2f}-{high:.2f} m": coverage([r for r in plain if low <= r.stature <= high])
                for low, high in itertools.pairwise(bands)
            },
        },
        "known_stature": {
            **coverage(known),
            "whole_in_picture": coverage([r for r in known if r.whole]),
        },
        "depth": {
            "used": len(used),
            "refused": len(deep) - len(used),
            "coverage": coverage(used),
            "2_to_5_m": precision(near),
            "2_to_5_m_in_front_nothing": precision([r for r in near if r.hidden == 0]),
            "2_to_5_m_hidden_to_30_percent": precision([r for r in near if 0 < r.hidden <= 0.3]),
            "2_to_5_m_hidden_over_30_percent": precision([r for r in near if r.hidden > 0.3]),
            "all": precision(used),
        },
    }


def gravity(runner: Runner, count: int) -> dict[str, Any]:
    """People seen by a camera pitched by TILTS: how their upright axis and place in the world vary."""
    studio = Studio(303)
    out: dict[str, Any] = {"tilts_degrees": list(TILTS), "people": count}
    modes = {"viewing_ray": PlaceOptions(), "as_regressed": PlaceOptions(viewing_ray=False)}
    ups: dict[str, list[list[Any]]] = {name: [] for name in modes}
    for i in track(range(count), "tilts"):
        scenes = list(studio.tilted(i))
        for name, options in modes.items():
            rows = []
            for scene in scenes:
                human = runner.human(scene, options, i)
                rotation, root = scene.shot.rotation, scene.shot.parameters.rotations[0, 0].numpy()
                if human is None:
                    rows.append((np.full(3, np.nan), np.full(3, np.nan), rotation @ root[:, 1]))
                    continue
                up = rotation @ human.parameters.rotations[0, 0][:, 1]
                error = rotation @ (human.joints[0] - scene.pelvis)
                rows.append((up, error, rotation @ root[:, 1]))
            ups[name].append(rows)
    for name, people in ups.items():
        up = np.array([[r[0] for r in rows] for rows in people])
        true = np.array([[r[2] for r in rows] for rows in people])
        error = np.array([[r[1] for r in rows] for rows in people])
        cosine = np.clip((up * true).sum(-1) / np.linalg.norm(up, axis=-1), -1, 1)
        lean = np.degrees(
            np.arctan2(up[..., 0], up[..., 2]) - np.arctan2(true[..., 0], true[..., 2])
        )
        mean = np.nanmean(lean, axis=0)
        keep = np.isfinite(mean)
        slope = np.polyfit(np.array(TILTS)[keep], mean[keep], 1)[0]
        out[name] = {
            "tilt_error_degrees": {
                name: round(float(np.nanquantile(np.degrees(np.arccos(cosine)), q)), 2)
                for name, q in QUANTILES.items()
            },
            "lean_error_per_camera_degree": round(float(slope), 3),
            "lean_error_by_tilt_degrees": [round(float(m), 2) for m in mean],
            "position_cm_median": round(
                100 * float(np.nanmedian(np.linalg.norm(error, axis=-1))), 2
            ),
            "found": int(np.isfinite(cosine).sum()),
        }
    return out


def write_fixture(runner: Runner, count: int = 24, factor: int = 4) -> None:
    """Regressor outputs and depth at a quarter of the resolution, of the first held-out pictures in
    which one can be measured; depth in millimetres, only around the person, 0 elsewhere.
    """
    studio, rows = Studio(SETS["held_out"]), []
    for i in range(10 * count):
        scene = studio.scene(i)
        human = runner.human(scene, PlaceOptions(), None)
        if human is None or not 2 <= scene.pelvis[2] <= 5 or scene.hidden > 0.3:
            continue
        k, crop = scene.intrinsics, human.crop
        y, x = np.mgrid[factor // 2 : k.height : factor, factor // 2 : k.width : factor]
        small = scene.depth[y, x]
        around = np.maximum(abs(x - crop.cx), abs(y - crop.cy)) < 0.5 * crop.side
        x0, _, x1, _ = scene.shot.boxes[0]
        around &= (x > x0 - 30) & (x < x1 + 30) & (small < RANGE)
        row = {
            "rotations": human.parameters.rotations[0, :18],
            "joints": human.joints - human.transl,
            "keypoints": human.keypoints,
            "confidence": human.joint_confidence > 0,
            "camera": human.camera,
            "crop": np.array([crop.cx, crop.cy, crop.side]),
            "intrinsics": np.array([k.fx, k.fy, k.cx, k.cy]),
            "pelvis": scene.pelvis,
            "hidden": np.float32(scene.hidden),
            "depth": np.where(around, np.rint(1000 * small), 0).astype(np.uint16),
        }
        rows.append(row)
        if len(rows) == count:
            break
    bones = runner.skin
    FIXTURE.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        FIXTURE, skin_bone=bones.bone, skin_patch=bones.patch, skin_local=bones.local,
        factor=factor, **{name: np.stack([row[name] for row in rows]) for name in rows[0]},
    )  # fmt: skip
    print(f"{FIXTURE}: {len(rows)} people, {FIXTURE.stat().st_size / 1e3:.0f} kB")


def draw(runner: Runner, number: int) -> None:
    """A person behind something: the votes of the skin's points, on the picture and in a histogram."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    scene = Studio(SETS["held_out"]).scene(number)
    k, far = scene.intrinsics, sensed(scene.depth, number)
    alone, placed = (runner.human(scene, PlaceOptions(), s) for s in (None, number))
    assert alone is not None and placed is not None
    points, normals = runner.skin.pose(alone.parameters.rotations, alone.joints[None])
    votes, _ = depth._votes(points, normals, far, k)
    seen = np.isfinite(votes[0])
    votes, points, core = votes[0][seen], points[0][seen], runner.skin.core[seen]
    shift = placed.joints[0, 2] - alone.joints[0, 2]
    colours = np.where(abs(votes - shift) < 0.15, "tab:green", "tab:red")
    colours[votes > shift + 0.15] = "tab:blue"
    u = k.fx * points[:, 0] / points[:, 2] + k.cx
    v = k.fy * points[:, 1] / points[:, 2] + k.cy
    x0, y0, x1, y1 = (int(b) for b in scene.shot.boxes[0])
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 4.2), width_ratios=(1, 1, 1.5))
    axes[0].imshow(scene.image)
    axes[0].scatter(u, v, c=colours, s=np.where(core, 30, 12), edgecolors="white", linewidths=0.5)
    axes[0].set_title("points of the skin that face the camera", fontsize=9)
    axes[1].imshow(far, cmap="viridis", vmin=1.0, vmax=scene.pelvis[2] + 2.5)
    axes[1].set_title("depth image: noise, holes", fontsize=9)
    for axis in axes[:2]:
        axis.set_xlim(max(x0 - 45, 0), min(x1 + 45, 639))
        axis.set_ylim(min(y1 + 20, 479), max(y0 - 20, 0))
        axis.axis("off")
    edges = np.arange(-1.6, 1.65, 0.05)
    names = ("trunk", "head, shoulders, legs")
    for chosen, colour, name in ((core, "0.25", names[0]), (~core, "0.65", names[1])):
        axes[2].hist(votes[chosen].clip(-1.6, 1.6), edges, color=colour, alpha=0.8, label=name)
    truth = scene.pelvis[2] - alone.joints[0, 2]
    axes[2].axvline(0, color="tab:orange", label="from the picture alone")
    axes[2].axvline(shift, color="tab:green", label="measured")
    axes[2].axvline(truth, color="black", linestyle=":", label="true")
    axes[2].set_xlabel("shift that a point votes for, m (beyond 1.6 m at the edge)")
    axes[2].set_ylabel("points")
    axes[2].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "pictures" / "placement.png", dpi=80)


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {n: version(n) for n in ("numpy", "torch", "openvino")},
        "date": datetime.date.today().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/placement.json")
    parser.add_argument("--pictures", type=int, default=300, help="per set")
    parser.add_argument("--tilted", type=int, default=24, help="people before a tilted camera")
    parser.add_argument("--fixture", action="store_true", help="only write the data of the test")
    parser.add_argument("--picture", type=int, help="only draw this held-out picture's votes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    before = machine()
    runner = Runner(open_engine(MODEL, "auto", "f32", 1))
    if arguments.fixture:
        write_fixture(runner)
        return
    if arguments.picture is not None:
        draw(runner, arguments.picture)
        return
    results: dict[str, Any] = {
        "command": "OMP_NUM_THREADS=1 .venv/bin/python benchmarks/placement.py",
        "machine": before,
        "model": runner.engine.info.identity.model,
        "depth_camera": {"noise": f"{depth.SENSOR_NOISE} z^2 m", "holes": HOLES, "range_m": RANGE},
    }
    results["cost"] = cost(runner.engine, Studio(1).scene(0))
    for name, seed in SETS.items():
        results[name] = measured_set(runner, seed, arguments.pictures)
    results["gravity"] = gravity(runner, arguments.tilted)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
