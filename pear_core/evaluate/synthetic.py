"""Errors of a regressor on held-out synthetic crops, beside the mean-pose predictor.

The mean-pose predictor answers every picture with the same parameters: per joint the chordal mean
of the training rotations (root included), the means of shape, expression, face, scales and camera.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pear_core.anatomy import SMPLX_JOINTS
from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode, encode
from pear_core.data.records import Batch
from pear_core.data.shards import Shards
from pear_core.evaluate.metrics import (
    LSP_JOINTS,
    Parts,
    body_errors,
    keypoint_error,
    mpjpe,
    pa_error,
)
from pear_core.geometry.cameras import project_crop
from pear_core.geometry.rotations import geodesic_angle
from pear_core.layout import CROP_SIZE
from pear_core.model.regressor import Regressor
from pear_core.model.stem import Features
from pear_core.train.batches import TrainingBatch, to_tensors

Predictor = Callable[[Tensor | Features], Tensor]
"""strips [B, 3, 256, 192] in [0, 1] (or their features) -> raw [B, 935] float32."""

KEYPOINTS = tuple(range(len(SMPLX_JOINTS)))
"""The 2D error is over the 55 kinematic joints that lie in the picture."""
CUT_BELOW = 12
"""A crop counts as cut when fewer than this many of the 14 LSP joints lie in the picture."""


def network(regressor: Regressor, bf16: bool = False) -> Predictor:
    """The regressor as a predictor."""

    def predict(picture: Tensor | Features) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            if isinstance(picture, Features):
                raw = regressor.forward_features(picture)
            else:
                raw = regressor(picture)
        return torch.as_tensor(raw).float()

    return predict


def mean_pose(batches: Iterable[Batch]) -> Predictor:
    """The mean-pose predictor of these training records."""
    total, count = torch.zeros(0), 0
    for batch in batches:
        target = to_tensors(batch).target
        raw = encode(target.parameters, target.camera).double()
        # Decoding makes the mean columns orthonormal again.
        total = raw.sum(dim=0) if not count else total + raw.sum(dim=0)
        count += len(raw)
    answer = (total / max(count, 1)).float()
    return lambda picture: answer.expand(len(picture), -1)


def quick_errors(
    regressor: Regressor, ehm: Ehm, shards: Shards, count: int, bf16: bool = True
) -> dict[str, float]:
    """MPJPE, PA-MPJPE (mm, 14 joints) and 2D error (px of the 256 crop) on the first `count`
    records.

    ehm may return no vertices.
    """
    predict = network(regressor, bf16)
    sums, done = np.zeros(3), 0
    with torch.inference_mode():
        for arrays in shards.in_order(64):
            if done >= count:
                break
            batch = to_tensors(arrays)
            parameters, camera = decode(predict(batch.picture))
            joints = ehm(parameters).joints
            own, other = joints[:, list(LSP_JOINTS)], batch.target.joints[:, list(LSP_JOINTS)]
            roots = joints[:, :1], batch.target.joints[:, :1]
            sums += [
                float(mpjpe(torch.cat([roots[0], own], 1), torch.cat([roots[1], other], 1)).sum()),
                float(pa_error(own, other).sum()),
                float(_pixels(joints, camera, batch).sum()),
            ]
            done += len(own)
    names = ("mpjpe", "pa_mpjpe", "keypoints_px")
    return {name: round(float(v), 2) for name, v in zip(names, sums / max(done, 1), strict=True)}


def _pixels(joints: Tensor, camera: Tensor, batch: TrainingBatch) -> Tensor:
    ids = list(KEYPOINTS)
    safe = torch.cat([camera[:, :2], camera[:, 2:].clamp(min=0.05)], dim=1)
    uv = project_crop(joints[:, ids], safe)
    return CROP_SIZE * keypoint_error(
        uv, batch.target.keypoints[:, ids], batch.target.confidence[:, ids]
    )


def errors(
    predict: Predictor, ehm: Ehm, parts: Parts, shards: Shards
) -> dict[str, NDArray[np.float64]]:
    """All errors per record: those of `metrics.BodyErrors` (mm), keypoints_px, root_degrees, seen
    (LSP joints).
    """
    columns: dict[str, list[NDArray[Any]]] = {}
    with torch.inference_mode():
        for arrays in shards.in_order(32):
            batch = to_tensors(arrays)
            parameters, camera = decode(predict(batch.picture))
            own, target = ehm(parameters), ehm(batch.target.parameters)
            found = body_errors(own.vertices, own.joints, target.vertices, target.joints, parts)
            rotations = parameters.rotations[:, 0], batch.target.parameters.rotations[:, 0]
            values = {name: getattr(found, name) for name in found.__dataclass_fields__}
            values["keypoints_px"] = _pixels(own.joints, camera, batch)
            values["root_degrees"] = torch.rad2deg(geodesic_angle(*rotations))
            values["seen"] = batch.target.confidence[:, list(LSP_JOINTS)].sum(dim=1)
            for name, value in values.items():
                columns.setdefault(name, []).append(value.double().numpy())
    return {name: np.concatenate(parts_) for name, parts_ in columns.items()}


def summary(values: dict[str, NDArray[np.float64]]) -> dict[str, dict[str, float]]:
    """Means over all records, over those that show the whole body, and over the cut ones."""
    whole = values["seen"] >= CUT_BELOW
    groups = {"all": np.ones_like(whole), "whole_body": whole, "cut": ~whole}
    out: dict[str, dict[str, float]] = {}
    for name, chosen in groups.items():
        means = {
            k: round(float(v[chosen].mean()), 2)
            for k, v in values.items()
            if k != "seen" and chosen.any()
        }
        out[name] = {"crops": int(chosen.sum()), **means}
    return out


def evaluate(
    predict: Predictor, body: Path, held_out: Shards, training: Iterable[Batch]
) -> dict[str, Any]:
    """The report: model, mean-pose predictor, and the ratio of their PA-MPJPE."""
    ehm = Ehm.from_folder(body)
    parts = Parts.from_assets(ehm.assets)
    model = summary(errors(predict, ehm, parts, held_out))
    baseline = summary(errors(mean_pose(training), ehm, parts, held_out))
    ratios = {
        group: round(model[group]["pa_mpjpe"] / baseline[group]["pa_mpjpe"], 4)
        for group in model
        if model[group]["crops"]
    }
    return {
        "units": "mm; keypoints_px: pixels of the 256 crop; root_degrees: degrees",
        "joints": "MPJPE (pelvis aligned) and PA-MPJPE over 14 kinematic joints in LSP order",
        "model": model,
        "mean_pose": baseline,
        "pa_mpjpe_ratio_to_mean_pose": ratios,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m pear_core.evaluate.synthetic --weights W --data HELD_OUT --training DATA --out
    REPORT.json`.
    """
    from pear_core.model.checkpoint import load

    parser = argparse.ArgumentParser(
        prog="python -m pear_core.evaluate.synthetic", description=__doc__
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--training", type=Path, required=True)
    parser.add_argument("--training-records", type=int, default=4096)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    regressor, info = load(options.weights)
    training = Shards(options.training)
    few = (training.batch(range(i, min(i + 256, len(training))))
           for i in range(0, min(options.training_records, len(training)), 256))  # fmt: skip
    report = evaluate(network(regressor), options.body, Shards(options.data), few)
    report = {"weights": options.weights.name, "step": info.step, **report}
    partial = options.out.with_name(f".{options.out.name}.{os.getpid()}")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(partial, options.out)
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
