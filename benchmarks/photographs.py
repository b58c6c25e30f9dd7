"""How well a model's key points fit people in photographs: 2D, labelled by others.

python benchmarks/photographs.py PICTURES ANNOTATIONS [--model DIR]

PICTURES: folder of mmpose's tests/data. ANNOTATIONS: folder with its COCO-style test_*.json files
(none is shipped here; `git clone open-mmlab/mmpose`). Boxes are the labelled ones; everybody with at
least eight labelled joints of the twelve of arms and legs and a box of 60 pixels counts. Drawn people
are left out. Writes benchmarks/results/photographs.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_core.anatomy import EHM_JOINTS  # noqa: E402
from pear_ros.engine import open_engine  # noqa: E402
from pear_ros.output.machine import machine, versions  # noqa: E402
from pear_ros.perception.crop import square_crop  # noqa: E402
from pear_ros.types import Box, Crop  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "photographs.json"
SETS = ("coco", "crowdpose", "ochuman", "aic", "posetrack18", "jhmdb")
LIMBS = {
    f"{side}_{part}": EHM_JOINTS.index(f"{side}_{part}")
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}
LEAST_JOINTS, LEAST_BOX = 8, 60
CLOSE = {"a_tenth": 0.1, "a_fifth": 0.2}
"""Shares of the crop's side within which a joint counts as found."""
Regress = Callable[[NDArray[np.uint8], list[Crop]], NDArray[np.floating]]
"""RGB picture and crops -> key points (N, 145, 2) as shares of the crop."""


@dataclass(frozen=True)
class Person:
    """joints (12, 2): pixels, NaN where not labelled, in the order of LIMBS."""

    picture: Path
    box: Box
    joints: NDArray[np.float64]


def people(pictures: Path, annotations: Path) -> Iterator[Person]:
    """Everybody who counts."""
    for name in SETS:
        content = json.loads((annotations / f"test_{name}.json").read_text())
        names = [n.lower().replace(" ", "_") for n in content["categories"][0]["keypoints"]]
        files = {image["id"]: image["file_name"] for image in content["images"]}
        for label in content["annotations"]:
            points = np.array(label.get("keypoints", []), float).reshape(-1, 3)
            if len(points) != len(names) or label.get("iscrowd"):
                continue
            joints = np.full((len(LIMBS), 2), np.nan)
            for row, limb in enumerate(LIMBS):
                # AI Challenger says 3 where a joint is not labelled, the others 0.
                if limb in names and points[names.index(limb), 2] in (1, 2):
                    joints[row] = points[names.index(limb), :2]
            x, y, w, h = label["bbox"]
            if np.isfinite(joints[:, 0]).sum() < LEAST_JOINTS or max(w, h) < LEAST_BOX:
                continue
            yield Person(
                pictures / name / files[label["image_id"]], Box(x, y, x + w, y + h), joints
            )


def errors(regress: Regress, everybody: list[Person]) -> tuple[NDArray[np.float64], list[Crop]]:
    """Distances (N, 12) as shares of the crop's side, NaN where not labelled."""
    rows, crops = [], []
    for person in everybody:
        picture = cv2.imread(str(person.picture), cv2.IMREAD_COLOR)
        if picture is None:
            raise SystemExit(f"{person.picture}: not a readable picture")
        image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        height, width = image.shape[:2]
        crop = square_crop(person.box, width, height)
        points = regress(image, [crop])[0, list(LIMBS.values())]
        truth = 0.5 + (person.joints - (crop.cx, crop.cy)) / crop.side
        rows.append(np.linalg.norm(points - truth, axis=1))
        crops.append(crop)
    return np.array(rows), crops


def summary(found: NDArray[np.float64]) -> dict[str, Any]:
    """Means over people, in pixels of the 256 crop, and shares of joints found."""
    labelled = np.isfinite(found)
    each = np.nanmean(found, axis=1)
    joints = {
        name: round(256 * float(np.nanmean(found[:, row])), 1) for row, name in enumerate(LIMBS)
    }
    return {
        "people": len(found),
        "joints": int(labelled.sum()),
        "mean_px": round(256 * float(each.mean()), 2),
        "median_px": round(256 * float(np.median(each)), 2),
        "found_within": {
            name: round(float((found[labelled] < share).mean()), 3) for name, share in CLOSE.items()
        },
        "by_joint_px": joints,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "pear_vit_ti")
    options = parser.parse_args()
    engine = open_engine(options.model)
    everybody = list(people(options.pictures, options.annotations))
    found, _ = errors(lambda image, crops: engine.regress(image, crops).keypoints, everybody)
    identity = engine.info.identity
    result = {
        "command": "python benchmarks/photographs.py PICTURES ANNOTATIONS",
        "machine": machine(),
        "versions": versions(),
        "model": f"{identity.model}@{identity.weights_sha256[:12]}",
        "sets": list(SETS),
        **summary(found),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(summary(found), indent=1))
    print(RESULT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
