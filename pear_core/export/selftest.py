"""One crop and torch's answer to it inside every bundle, so that a robot can test its engine.

    python -m pear_core.export.selftest BUNDLE --body DIR [--crops FILE] [--number N]

gives a bundle that was exported without it one. Read by `pear_ros.engine.selftest`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.body.ehm import Ehm
from pear_core.export.crops import load_crops
from pear_core.export.identity import sha256
from pear_core.export.parity import torch_outputs
from pear_core.layout import CROP_SIZE
from pear_core.model import checkpoint
from pear_core.model.regressor import Regressor

SELFTEST = "selftest.npz"
COMPARED = 2048
"""Vertices whose positions are stored, evenly spread over the list of vertices."""


def selftest_arrays(
    regressor: Regressor, ehm: Ehm, square: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    """What is stored: the RGB `square` (256, 256, 3) uint8 and torch's float32 outputs for it,
    `rotations`, `joints`, `keypoints`, `camera`, and `vertices` of `vertex_ids`; no leading axis.
    """
    outputs = {
        name: value[0] for name, value in torch_outputs(regressor, ehm, square[None]).items()
    }
    count = len(outputs["vertices"])
    ids = np.unique(np.linspace(0, count - 1, min(count, COMPARED)).astype(np.int32))
    outputs["vertices"] = outputs["vertices"][ids]
    return {"square": square, "vertex_ids": ids, **outputs}


def drawn_square() -> NDArray[np.uint8]:
    """A figure of a few ellipses, for bundles that are exported without a picture of a person."""
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE].astype(np.float64)
    picture = np.stack([90 + 0.3 * y, 120 + 0.2 * x, 140 - 0.2 * y], axis=2)
    parts = (
        (128, 55, 18, 24, (205, 160, 135)), (128, 125, 30, 48, (60, 80, 150)),
        (88, 125, 10, 44, (205, 160, 135)), (168, 125, 10, 44, (205, 160, 135)),
        (114, 205, 12, 45, (50, 50, 60)), (142, 205, 12, 45, (50, 50, 60)),
    )  # fmt: skip
    for cx, cy, width, height, colour in parts:
        picture[((x - cx) / width) ** 2 + ((y - cy) / height) ** 2 <= 1.0] = colour
    return np.clip(picture, 0, 255).astype(np.uint8)


def main(arguments: list[str] | None = None) -> int:
    """Adds the self-test to an existing bundle and its manifest; 1 and one line on bad input."""
    from pear_core.export.bundle import MANIFEST, WEIGHTS, npz_bytes

    parser = argparse.ArgumentParser(prog="python -m pear_core.export.selftest")
    parser.add_argument("bundle", type=Path, help="model bundle")
    parser.add_argument("--body", type=Path, required=True, help="folder of the body model's files")
    parser.add_argument("--crops", type=Path, help="file of crops (default: a drawn figure)")
    parser.add_argument("--number", type=int, default=0, help="which of the crops")
    options = parser.parse_args(arguments)
    try:
        square = load_crops(options.crops)[options.number] if options.crops else drawn_square()
        regressor, _ = checkpoint.load(options.bundle / WEIGHTS)
        data = npz_bytes(selftest_arrays(regressor, Ehm.from_folder(options.body), square))
        manifest = json.loads((options.bundle / MANIFEST).read_text())
        _write(options.bundle / SELFTEST, data)
        entry = {"size": len(data), "sha256": sha256(options.bundle / SELFTEST)}
        manifest["files"][SELFTEST] = entry
        manifest["files"] = dict(sorted(manifest["files"].items()))
        _write(options.bundle / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    except (ValueError, OSError, KeyError, IndexError) as error:
        print(f"error: {options.bundle}: {error}", file=sys.stderr)
        return 1
    print(f"{len(data) / 1e6:9.3f} MB  {options.bundle / SELFTEST}")
    return 0


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
