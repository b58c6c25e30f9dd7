"""`python -m pear_core.train.features --data SHARDS --out FOLDER`: the frozen stem, computed once.

Much of a training step would go into a stem that never changes. Every picture is augmented
`variants` times, the stem looks at it, and what it says is stored with the labels; training then
draws from these shards. Resumes; several processes may share a folder (--part I/N).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from pear_core.data.shards import FEATURES_FORMAT, Shards, write_arrays
from pear_core.model.blazepose import load_encoder
from pear_core.model.stem import PretrainedStem
from pear_core.train.batches import augmented
from pear_core.train.expressions import expression_mirror

ENCODER = Path("models/detector/pose_landmark.onnx")
BATCH, SHARD = 16, 1000


def feature_arrays(stem: PretrainedStem, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """fine, coarse and context (float16) of strips [B, 256, 192, 3] uint8."""
    with torch.inference_mode():
        found = stem.features(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    return {name: getattr(found, name).half().numpy() for name in ("fine", "coarse", "context")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes what is missing of `variants` feature shards per thousand records."""
    parser = argparse.ArgumentParser(prog="python -m pear_core.train.features", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, default=ENCODER)
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--variants", type=int, default=1, help="0: once, not augmented")
    parser.add_argument("--flip", type=float, default=0.5)
    parser.add_argument("--part", default="0/1", help="I/N: every N-th shard from I")
    options = parser.parse_args(arguments)
    part, parts = (int(n) for n in options.part.split("/"))
    torch.set_num_threads(1)
    shards, mirrored = Shards(options.data), expression_mirror(options.body)
    stem = PretrainedStem(1)
    stem.encoder = load_encoder(options.encoder)
    starts = range(0, len(shards), SHARD)
    jobs = [(v, s) for v in range(max(options.variants, 1)) for s in starts][part::parts]
    for variant, start in track(jobs, "features", disable=not sys.stderr.isatty()):
        folder = options.out / f"variant{variant}-{start:07d}"
        if folder.exists():
            continue
        rng = np.random.default_rng([variant, start])
        pieces: list[dict[str, NDArray[Any]]] = []
        for first in range(start, min(start + SHARD, len(shards)), BATCH):
            batch = shards.batch(range(first, min(first + BATCH, start + SHARD, len(shards))))
            if options.variants > 0:
                batch = augmented(rng, batch, options.flip, mirrored)
            pieces.append(feature_arrays(stem, batch.pop("image")) | batch)
        arrays = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
        write_arrays(folder, FEATURES_FORMAT, arrays, shards.body_sha256)
    print(f"{len(jobs)} shards of features -> {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
