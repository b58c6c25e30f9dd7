"""Whether an engine computes here what its model computed where it was exported.

A driver, a CPU flag or a stale engine file can make a network wrong without any error. Every bundle
carries one crop with torch's answer; this asks the engine the same question.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.layout import CROP_SIZE
from pear_ros.engine.base import Engine
from pear_ros.engine.bundle import SELFTEST, open_bundle
from pear_ros.engine.probe import probe
from pear_ros.problems import UNREADABLE, PearError

LIMITS: dict[str, tuple[float, float]] = {
    "f32": (0.5, 0.5),
    "f16": (5.0, 3.0),
    "bf16": (15.0, 8.0),
    "int8": (25.0, 12.0),
}
"""Per precision: mean vertex error in mm and mean key point error in pixels of the crop that one
crop may have. They tell rounding from a broken engine (hundreds of mm); how exact a precision is, is
the parity report's business."""
_ARRAYS = ("square", "vertex_ids", "vertices", "keypoints")


@dataclass(frozen=True)
class SelfTest:
    """Answer of the self-test.

    mean_vertex_mm: of the stored crop; NaN where nothing could be compared. ok: within the limits of
    the engine's precision. reason: why not, in one line; empty if ok. mean_keypoint_px: pixels of
    the 256 crop, so that a misplaced crop shows too.
    """

    mean_vertex_mm: float
    ok: bool
    reason: str
    mean_keypoint_px: float = math.nan


def self_test(engine: Engine, bundle_dir: str | Path) -> SelfTest:
    """Run the stored crop of `bundle_dir` through `engine`, crop, network, body and mesh included.

    Never raises: what goes wrong is the reason. Takes two calls of the engine.
    """
    try:
        expected = _stored(Path(bundle_dir), engine)
        found = probe(engine, expected["square"][None])
    except PearError as error:
        return SelfTest(math.nan, False, str(error))
    except Exception as error:  # whatever a back end raises
        return SelfTest(math.nan, False, f"{type(error).__name__}: {error}")
    vertices = found["vertices"][0][expected["vertex_ids"]]
    mm = 1e3 * _mean_distance(vertices, expected["vertices"])
    px = CROP_SIZE * _mean_distance(found["keypoints"][0], expected["keypoints"])
    limit_mm, limit_px = LIMITS.get(engine.info.precision, LIMITS["int8"])
    # "not <=" so that NaN fails.
    wrong = [
        f"{name} {value:.4g} {unit}, expected at most {limit:g}"
        for name, value, limit, unit in (
            ("mean vertex error", mm, limit_mm, "mm"),
            ("mean key point error", px, limit_px, "px"),
        )
        if not value <= limit
    ]
    if not wrong:
        return SelfTest(mm, True, "", px)
    info = engine.info
    reason = f"{info.backend} {info.precision} is too far from the model: {'; '.join(wrong)}"
    return SelfTest(mm, False, reason, px)


def _stored(folder: Path, engine: Engine) -> dict[str, NDArray[Any]]:
    bundle = open_bundle(folder)
    if bundle.identity != engine.info.identity:
        raise PearError(
            "the engine runs another model",
            where=str(folder),
            expected=f"{bundle.identity.model} {bundle.identity.weights_sha256[:12]}",
            found=f"{engine.info.identity.model} {engine.info.identity.weights_sha256[:12]}",
        )
    where = str(folder / SELFTEST)
    if SELFTEST not in bundle.manifest["files"]:
        raise PearError("the bundle carries no self-test", where=where, expected="a new export")
    try:
        with np.load(io.BytesIO(bundle.read(SELFTEST)), allow_pickle=False) as file:
            stored = {name: file[name] for name in _ARRAYS}
    except UNREADABLE as error:
        raise PearError("not a self-test file", where=where, found=str(error)) from None
    ids, square = stored["vertex_ids"], stored["square"]
    sound = (
        square.shape == (CROP_SIZE, CROP_SIZE, 3)
        and square.dtype == np.uint8
        and ids.dtype.kind == "i"
        and ids.size > 0
        and 0 <= ids.min() <= ids.max() < bundle.topology.num_vertices
        and stored["vertices"].shape == (len(ids), 3)
    )
    if not sound:
        raise PearError("a self-test of another form", where=where, expected="arrays that fit")
    return stored


def _mean_distance(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    difference = first.astype(np.float64) - second.astype(np.float64)
    return float(np.linalg.norm(difference, axis=-1).mean())
