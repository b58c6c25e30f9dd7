"""Every engine against torch on the shipped model: python benchmarks/parity.py

Crops of the demo's rendered sequence; exit code 1 where a limit is exceeded. Writes
benchmarks/results/parity.json. Needs torch (`./run test` installs it).
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from pear_core.body.ehm import Ehm
from pear_core.export.parity import parity_report
from pear_core.layout import CROP_SIZE
from pear_core.model.checkpoint import load
from pear_ros.assets import body_dir, find, model_dir
from pear_ros.engine import open_engine
from pear_ros.engine.probe import probe
from pear_ros.output.machine import machine, versions
from pear_ros.perception.choose import open_detector
from pear_ros.perception.crop import square_crop
from pear_ros.replay.reader import frames

RESULT = Path(__file__).parent / "results" / "parity.json"
ENGINES = (("openvino", "f32"), ("openvino", "bf16"), ("onnxruntime", "f32"))


def main() -> int:
    detector, squares = open_detector("auto"), []
    for frame in list(frames(find("demo") / "rendered.mcap"))[::2]:
        for box in detector.detect(frame)[:1]:
            crop = square_crop(box, 640, 480)
            step = crop.side / CROP_SIZE
            to_image = np.array(
                [[step, 0, crop.cx - crop.side / 2], [0, step, crop.cy - crop.side / 2]]
            )
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            squares.append(cv2.warpAffine(frame.image, to_image, (CROP_SIZE,) * 2, flags=flags))
    model, _ = load(model_dir() / "model.safetensors")
    ehm = Ehm.from_folder(body_dir())
    reports = []
    for backend, precision in ENGINES:
        engine = open_engine(model_dir(), backend, precision)
        report = parity_report(
            model,
            ehm,
            lambda s, engine=engine: probe(engine, s),
            np.stack(squares),
            engine=backend,
            precision=precision,
        )
        print(report.table())
        found = report.to_json()
        reports.append(json.loads(found) if isinstance(found, str) else found)
    RESULT.write_text(
        json.dumps(
            {
                "date": date.today().isoformat(),
                "machine": machine(),
                "versions": versions(),
                "crops": len(squares),
                "reports": reports,
            },
            indent=1,
        )
        + "\n"
    )
    return 1 if any(r.get("failures") for r in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
