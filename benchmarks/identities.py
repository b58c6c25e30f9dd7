"""Who is who on rendered crossings: id switches and IDF1 of the shipped model and built-in detector.

python benchmarks/identities.py --out benchmarks/results/identities.json

Scenes (`pear_core.data.synthetic.crossings`) per seed, 4 s at 30 Hz, 640x480. They are rendered once
into --cache and kept there. --before: result of the same scenes with another version of the tracker
(run this file with that version on PYTHONPATH), which is kept beside the new ones.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pear_core.anatomy import BODY_JOINTS
from pear_core.evaluate.tracking import Seen, identities, point_similarity
from pear_ros.types import Frame, HumanFrame, Intrinsics, Reference

K = Intrinsics(525.0, 525.0, 319.5, 239.5, 640, 480)
BODY = slice(0, len(BODY_JOINTS))
NEEDED = 0.3
"""Share of a silhouette that must be seen for a person to be missed."""
FAR = 0.2
"""Mean distance of the body's key points, over the longer side of the true box, that still is this
person."""
TUNED = (1, 2, 3, 4, 5)
"""Seeds of the scenes on which the tracker's rules and thresholds were chosen."""


@dataclass(frozen=True)
class Recorded:
    """A rendered scene: JPEG pictures (T), keypoints (T, N, 145, 2), boxes (T, N, 4), visible
    (T, N), camera rotation (T, 3, 3) and translation (T, 3)."""

    jpegs: list[bytes]
    keypoints: np.ndarray
    boxes: np.ndarray
    visible: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray


def recorded(name: str, seed: int, cache: Path, body: Path) -> Recorded:
    """A scene from the cache, rendered if need be."""
    path = cache / f"crossing_{name}_{seed}.npz"
    if not path.exists():
        _render(name, seed, path, body)
    with np.load(path, allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    ends = np.cumsum(data["lengths"])
    stream = data["jpegs"].tobytes()
    jpegs = [stream[e - n : e] for e, n in zip(ends, data["lengths"], strict=True)]
    return Recorded(
        jpegs, data["keypoints"], data["boxes"], data["visible"], data["rotation"],
        data["translation"],
    )  # fmt: skip


def _render(name: str, seed: int, path: Path, body: Path) -> None:
    import torch

    from pear_core.data.synthetic.crossings import crossing
    from pear_core.data.synthetic.sequence import Pinhole, Stage

    torch.set_num_threads(1)
    stage = Stage(body, seed)
    scene = crossing(name, stage.identities, seed)
    shots = list(stage.shoot(scene.actors, Pinhole(), scene.camera))
    jpegs = [
        cv2.imencode(".jpg", s.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        for s in shots
    ]
    stacked = {
        key: np.stack([getattr(s, key) for s in shots])
        for key in ("keypoints", "boxes", "visible", "rotation", "translation")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part.npz")
    np.savez(
        half, jpegs=np.frombuffer(b"".join(jpegs), np.uint8), lengths=[len(j) for j in jpegs],
        **stacked,
    )  # fmt: skip
    half.rename(path)


def frames(scene: Recorded, calibrated: bool = True, rate: float = 30.0) -> Iterator[Frame]:
    for t, jpeg in enumerate(scene.jpegs):
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        yield Frame(
            np.ascontiguousarray(image), 1_000_000_000 + round(t * 1e9 / rate),
            intrinsics=K if calibrated else None,
            reference=Reference("world", scene.rotation[t], scene.translation[t]),
        )  # fmt: skip


def seen(scene: Recorded, t: int, result: HumanFrame) -> Seen:
    """Truth and result of a frame."""
    truth = scene.keypoints[t][:, BODY].astype(np.float64)
    found = np.array([h.keypoints[BODY] for h in result.humans], np.float64).reshape(-1, 22, 2)
    low, high = truth.min(axis=1), truth.max(axis=1)
    size = (high - low).max(axis=1)
    inside = ((high > 0) & (low < [K.width, K.height])).all(axis=1)
    needed = inside & (scene.visible[t] >= NEEDED)
    ids = [h.track_id for h in result.humans]
    similarity = point_similarity(truth, found, size)
    return Seen(range(len(truth)), ids, similarity, needed.tolist())


def measure(make: Any, scene: Recorded) -> tuple[dict[str, Any], list[HumanFrame]]:
    """Counts of one scene; make: () -> Pipeline."""
    pipeline = make()
    results = [pipeline.process(frame) for frame in frames(scene)]
    counts = identities([seen(scene, t, r) for t, r in enumerate(results)], least=1.0 - FAR)
    ids = {h.track_id for r in results for h in r.humans}
    track = float(np.median([r.times.track for r in results[5:]])) * 1e3
    row = {**asdict(counts), "idf1": round(counts.idf1, 4), "mota": round(counts.mota, 4)}
    return {**row, "ids": len(ids), "track_ms": round(track, 3)}, results


def cues(engine: Any, scenes: dict[tuple[str, int], Recorded]) -> dict[str, Any]:
    """How much the looks of one and of different people differ where both are seen well: quantiles
    5, 50, 95 % of colour distances and of shape distances, on crops of the true boxes."""
    from pear_ros.perception import crop
    from pear_ros.perception.tracking import appearance, memory
    from pear_ros.types import Box

    found: dict[str, list[np.ndarray]] = {n: [] for n in ("same", "others", "same_b", "others_b")}
    for (name, _), scene in scenes.items():
        if name != "crossing":
            continue
        looks, shapes, who = [], [], []
        for t, frame in enumerate(frames(scene)):
            if t % 4 or (scene.visible[t] < 0.95).any():
                continue
            crops = [crop.square_crop(Box(*map(float, b)), 640, 480) for b in scene.boxes[t]]
            output = engine.regress(frame.image, crops)
            sights = memory.sights(
                frame.image, output, crop.to_pixels(output.keypoints, crops), crops
            )
            looks.append(sights.colour)
            shapes.append(sights.shape)
            who += [0, 1]
        colour, shape, person = np.concatenate(looks), np.concatenate(shapes), np.array(who)
        same = person[:, None] == person
        np.fill_diagonal(same, False)
        apart = appearance.distances(colour, colour)
        far = np.linalg.norm(shape[:, None] - shape[None], axis=2)
        different = person[:, None] != person
        for key, value in (("same", apart[same]), ("others", apart[different]),
                           ("same_b", far[same]), ("others_b", far[different])):  # fmt: skip
            found[key].append(value)

    def spread(key: str) -> list[float]:
        return [
            round(float(q), 3) for q in np.quantile(np.concatenate(found[key]), (0.05, 0.5, 0.95))
        ]

    return {
        "colour": {"one person": spread("same"), "different people": spread("others")},
        "shape": {"one person": spread("same_b"), "different people": spread("others_b")},
    }


def cost(people: int = 8) -> dict[str, float]:
    """Milliseconds per frame (median) of the tracker with its descriptors, calm and in a crowd where
    everybody overlaps somebody."""
    from pear_ros.perception import boxes
    from pear_ros.perception.tracking import memory
    from pear_ros.perception.tracking.track import Look, Tracker
    from pear_ros.types import Box, Crop, Parameters, RegressorOutput

    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    fields = {name: np.zeros((people, 1), np.float32) for name in Parameters.__dataclass_fields__}
    fields["betas"] = rng.normal(size=(people, 200)).astype(np.float32)
    joints = rng.normal(0, 0.3, (people, 145, 3)).astype(np.float32)
    output = RegressorOutput(Parameters(**fields), joints, joints[..., :2],
                             np.ones((people, 3), np.float32))  # fmt: skip
    shape = rng.uniform(0, 1, (145, 2))
    times: dict[str, float] = {}
    for name, step in (("calm", 75.0), ("crowd", 30.0)):
        found = [Box(20 + step * i, 100, 80 + step * i, 300, 0.9) for i in range(people)]
        low = boxes.as_rows(found)[:, None, :2]
        points = (low + shape * [58, 195]).astype(np.float32)
        crops = [Crop(50 + step * i, 200, 250) for i in range(people)]
        tracker, took = Tracker(), {"describe": [], "track": []}
        for t in range(400):
            began = time.perf_counter()
            look = tracker.begin(1_000_000_000 + t * 33_333_333)
            if look is Look.NONE:
                tracker.skip()
            elif look is Look.SEARCH:
                tracker.search(found)
            else:
                tracker.check([found[round((p.box.x0 - 20) / step) % people] for p in
                               tracker.tracks])  # fmt: skip
            middle = time.perf_counter()
            count = len(tracker.places)
            sights = memory.sights(image, _first(output, count), points[:count], crops[:count])
            described = time.perf_counter()
            tracker.identify(sights, points[:count], 640, 480)
            took["track"].append(time.perf_counter() - described + middle - began)
            took["describe"].append(described - middle)
        for key, values in took.items():
            times[f"{name} {key}"] = round(float(np.median(values[20:])) * 1e3, 3)
        times[f"{name} people"] = len(tracker.tracks)
    return times


def _first(output: Any, count: int) -> Any:
    """The first people of a regressor's output."""
    from dataclasses import replace

    from pear_ros.types import Parameters

    names = Parameters.__dataclass_fields__
    return replace(
        output, parameters=Parameters(**{n: getattr(output.parameters, n)[:count] for n in names}),
        joints=output.joints[:count], keypoints=output.keypoints[:count],
        camera=output.camera[:count],
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sequences"))
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--model", default="pear_vit_ti")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6, 7])
    parser.add_argument("--scenes", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--plain", action="store_true", help="scenes only, no cues and costs")
    args = parser.parse_args()

    from pear_core.data.synthetic.crossings import NAMES
    from pear_ros.assets import model_dir
    from pear_ros.engine.open import open_engine
    from pear_ros.perception.detection.choose import open_detector
    from pear_ros.perception.pipeline import Pipeline

    scenes = {
        (name, seed): recorded(name, seed, args.cache, args.body)
        for seed in args.seeds
        for name in args.scenes or NAMES
    }
    engine = open_engine(model_dir(args.model), threads=args.threads)
    detector = open_detector("builtin", args.threads)
    rows = {}
    for (name, seed), scene in scenes.items():
        began = time.perf_counter()
        row, _ = measure(lambda: Pipeline(engine, detector), scene)
        row["seconds"] = round(time.perf_counter() - began, 1)
        rows[f"{name} {seed}"] = row
        print(f"{name:13} {seed}", row, flush=True)
    result: dict[str, Any] = {
        "about": {
            "model": args.model, "detector": "builtin", "weights_sha256": engine.info.identity.weights_sha256,
            "engine": engine.info.backend,
            "precision": engine.info.precision, "needed_visible": NEEDED, "far": FAR,
            "rate_hz": 30, "seconds": 4, "picture": [K.width, K.height],
            "processor": _processor(), "load": [round(x, 1) for x in os.getloadavg()],
        },
        "hidden_frames": {
            f"{name} {seed}": {
                f"below {part}": int((s.visible.min(axis=1) < part).sum()) for part in (0.05, 0.3)
            }
            for (name, seed), s in scenes.items()
        },
        "scenes": rows,
        "all": _totals(rows),
    }  # fmt: skip
    if not args.plain:
        result["cues"] = cues(engine, scenes)
        result["cost_ms_8_people"] = cost()
    if args.before:
        before = json.loads(args.before.read_text())["scenes"]
        rows_before = {key: before[key] for key in rows}
        result["before"] = {"scenes": rows_before, "all": _totals(rows_before)}
        print("before", result["before"]["all"])
    print("all", result["all"])
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


def _totals(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Of the scenes the tracker was tuned on, and of those it had never seen."""
    parts = {
        "tuned_on": {k: r for k, r in rows.items() if int(k.split()[1]) in TUNED},
        "unseen": {k: r for k, r in rows.items() if int(k.split()[1]) not in TUNED},
    }
    return {name: _total(part) for name, part in parts.items() if part}


def _total(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    names = ("people", "hits", "misses", "false_alarms", "switches", "breaks", "id_hits", "ids")
    total = {key: sum(row[key] for row in rows.values()) for key in names}
    found = 2 * total["hits"] + total["misses"] + total["false_alarms"]
    return {**total, "idf1": round(2 * total["id_hits"] / found, 4)}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((n.split(":")[1].strip() for n in lines if n.startswith("model name")), "")


if __name__ == "__main__":
    main()
