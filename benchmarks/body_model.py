"""Our SMPL-X against the `smplx` package: python benchmarks/body_model.py

Forward, and forward with backward to pose, shape and expression, at batch 1, 8 and 64, for the full
mesh and for joints only (the package always computes the mesh). Both get the same axis-angles and
coefficients on a made-up file of SMPL-X's real size, turn by turn in one process. The results are
compared before anything is timed. Writes benchmarks/results/body_model.json. Needs torch and smplx
(`./run test` installs them).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import smplx
import torch
from torch import Tensor

from pear_core.body.files import load_smplx
from pear_core.body.smplx import SmplxBody
from pear_core.geometry.rotations import matrix_from_axis_angle
from pear_ros.output.machine import machine, versions

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fabricated import bodies  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "body_model.json"
BATCHES, BETAS, EXPRESSIONS = (1, 8, 64), 300, 100
SECONDS = 4.0
PARTS = {"global_orient": 1, "body_pose": 21, "jaw_pose": 1, "leye_pose": 1, "reye_pose": 1,
         "left_hand_pose": 15, "right_hand_pose": 15}  # fmt: skip


def made_up_file(folder: Path) -> Path:
    """A file of SMPL-X's shapes with random content, from the tests' fabricator."""
    path = folder / "SMPLX_NEUTRAL.npz"
    np.savez(path, **bodies.smplx_arrays(np.random.default_rng(0)))
    return path


def inputs(batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Axis-angles [B, 55, 3], shape and expression, all asking for gradients."""
    generator = torch.Generator().manual_seed(batch)
    pose = 0.3 * torch.randn(batch, 55, 3, generator=generator)
    betas = torch.randn(batch, BETAS, generator=generator)
    expression = torch.randn(batch, EXPRESSIONS, generator=generator)
    return pose.requires_grad_(), betas.requires_grad_(), expression.requires_grad_()


def package(path: Path, batch: int) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    model = smplx.create(
        str(path), model_type="smplx", ext="npz", use_pca=False, flat_hand_mean=True,
        num_betas=BETAS, num_expression_coeffs=EXPRESSIONS, batch_size=batch,
    )  # fmt: skip

    def run(pose: Tensor, betas: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        cuts = dict(zip(PARTS, pose.split(list(PARTS.values()), dim=1), strict=True))
        flat = {name: value.flatten(1) for name, value in cuts.items()}
        out = model(betas=betas, expression=expression, **flat)
        return out.vertices, out.joints[:, :55]

    return run


def ours(body: SmplxBody) -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    def run(pose: Tensor, betas: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        out = body(matrix_from_axis_angle(pose), betas, expression)
        return out.vertices, out.joints

    return run


def timed(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median milliseconds of each call, turn by turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times[next(iter(times))]) < 5:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    torch.set_num_threads(os.cpu_count() or 1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = made_up_file(Path(folder))
        file = load_smplx(path)
        whole, joints = SmplxBody(file), SmplxBody(file, np.zeros(0, dtype=np.int64))
        for batch in BATCHES:
            theirs = package(path, batch)
            models = {"smplx": theirs, "ours": ours(whole), "ours_joints": ours(joints)}
            values = inputs(batch)
            results = {name: model(*values) for name, model in models.items()}
            for part in (0, 1):
                torch.testing.assert_close(
                    results["ours"][part], results["smplx"][part], atol=1e-5, rtol=0
                )
            torch.testing.assert_close(
                results["ours_joints"][1], results["smplx"][1], atol=1e-5, rtol=0
            )

            def forward(name: str, models: Any = models, values: Any = values) -> None:
                with torch.no_grad():
                    models[name](*values)

            def backward(name: str, part: int, models: Any = models, values: Any = values) -> None:
                out = models[name](*values)[part]
                torch.autograd.grad(out.square().sum(), values)

            for what, mine, part in (("mesh", "ours", 0), ("joints", "ours_joints", 1)):
                for task, call in (
                    ("forward", lambda name, part: forward(name)),
                    ("forward+backward", backward),
                ):
                    found = timed({
                        "smplx": lambda call=call, part=part: call("smplx", part),
                        "ours": lambda call=call, part=part, mine=mine: call(mine, part),
                    })  # fmt: skip
                    rows.append({
                        "batch": batch, "output": what, "task": task,
                        "smplx_ms": round(found["smplx"], 3), "ours_ms": round(found["ours"], 3),
                        "ratio": round(found["smplx"] / found["ours"], 2),
                    })  # fmt: skip
                    print("{batch:3d} {output:7} {task:17} smplx {smplx_ms:9.3f} ms   "
                          "ours {ours_ms:9.3f} ms   {ratio:6.2f} x".format(**rows[-1]), flush=True)  # fmt: skip
    RESULT.write_text(
        json.dumps(
            {
                "date": date.today().isoformat(), "machine": machine(), "versions": versions(),
                "threads": torch.get_num_threads(), "smplx": importlib.metadata.version("smplx"), "rows": rows,
            },
            indent=1,
        ) + "\n"
    )  # fmt: skip
    behind = [r for r in rows if r["ratio"] < (5 if r["output"] == "joints" else 1)]
    print(f"-> {RESULT}" + (f"; behind in {len(behind)} rows" if behind else ""))
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
