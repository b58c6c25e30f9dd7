"""End-to-end rate of `pear replay` and its split per stage: python benchmarks/replay.py

One person, 640 x 480 rgb8 pictures, bag to bag, all cores of the machine: HumanArray
alone, and with the coarse mesh as MarkerArray.
Writes benchmarks/results/replay.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from pear_ros.assets import find, model_dir
from pear_ros.engine import Engine, open_engine
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.pictures import image
from pear_ros.output.machine import machine, versions
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.pipeline import Pipeline
from pear_ros.replay.reader import frames
from pear_ros.replay.replay import ReplayOptions, replay
from pear_ros.replay.writer import BagWriter

VARIANTS = {
    "humans": ReplayOptions(markers=None),
    "humans_and_coarse_marker_mesh": ReplayOptions(),
}
RESULT = Path(__file__).parent / "results" / "replay.json"


def raw_bag(path: Path, pictures: int) -> None:
    """The demo's rendered sequence as raw 640 x 480 pictures, there and back until there are enough."""
    seen = list(frames(find("demo") / "rendered.mcap"))
    order = np.abs((np.arange(pictures) + len(seen) - 1) % (2 * len(seen) - 2) - (len(seen) - 1))
    with BagWriter(path) as bag:
        images = bag.add_topic("/camera/image_raw", "sensor_msgs/msg/Image")
        infos = bag.add_topic("/camera/camera_info", "sensor_msgs/msg/CameraInfo")
        for i, k in enumerate(order):
            stamp = 1_000_000_000 + i * 33_333_333
            assert seen[k].intrinsics is not None
            bag.write(infos, stamp, camera_info(seen[k].intrinsics, stamp, "camera"))
            bag.write(images, stamp, image(seen[k].image, stamp, "camera"))


def measure(
    engine: Engine, source: Path, out: Path, options: ReplayOptions, rounds: int
) -> dict[str, Any]:
    """The round of median rate, after one that warms up."""
    done = [
        replay(source, out, Pipeline(engine, open_detector("auto")), engine, options)
        for _ in range(rounds + 1)
    ][1:]
    middle = sorted(done, key=lambda s: s.frames_per_second)[len(done) // 2]
    stages = {k: v / middle.frames * 1e3 for k, v in middle.seconds.items() if k != "wall"}
    total = middle.seconds["wall"] / middle.frames * 1e3
    return {
        "pictures": middle.frames,
        "people_per_picture": middle.people / middle.frames,
        "frames_per_second": round(middle.frames_per_second, 1),
        "frames_per_second_of_all_rounds": [round(s.frames_per_second, 1) for s in done],
        "milliseconds_per_picture": round(total, 3),
        "stages_ms": {k: round(v, 3) for k, v in stages.items()},
        "network_percent": round(100 * stages["network"] / total, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="pear_vit_ti")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()

    engine = open_engine(model_dir(args.model), args.engine, args.precision)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.mcap"
        raw_bag(source, args.pictures)
        measured = {
            name: measure(engine, source, Path(folder) / "out.mcap", options, args.rounds)
            for name, options in VARIANTS.items()
        }
    result = {
        "what": "pear replay, 640x480 rgb8, one person, bag to bag",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "engine": f"{engine.info.backend} {engine.info.precision}",
        "model": args.model,
        **measured,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
