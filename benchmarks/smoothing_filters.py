"""Filters to compare the smoother with: plain one-euro, causal Savitzky-Golay.

Both filter every number of a sequence on its own, as most projects do; rotations are made rotations
again afterwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.signal import savgol_coeffs

from benchmarks.smoothing_scenes import FPS, NAMES, Arrays
from pear_ros import so3
from pear_ros.engine import Engine
from pear_ros.types import Parameters

Array = NDArray[np.float64]
Judge = Callable[[Callable[[Arrays], NDArray[Any]]], dict[str, float]]
"""Summary of a filter, which makes joints (T, 145, 3) of a sequence."""
ONE_EURO = ((0.5, 1.0, 1.5, 2.0, 3.0, 4.0), (0.3, 1.0, 3.0, 6.0))
"""Cutoffs (Hz) and betas tried; one for all numbers, which are of size one or metres."""
SAVITZKY_GOLAY = ((5, 7, 9, 11, 15), (1, 2))
"""Windows (frames) and orders tried."""


def one_euro(values: Array, fps: float, cutoff: float, beta: float, speed_cutoff: float) -> Array:
    """values (T, D) filtered, each column by itself (Casiez et al., CHI 2012); cutoffs in Hz."""

    def gain(frequency: Array | float) -> Array:
        tau = 1.0 / (2.0 * np.pi * np.asarray(frequency))
        return np.asarray(1.0 / (1.0 + tau * fps))

    out, speed = values.copy(), np.zeros(values.shape[1])
    for i in range(1, len(values)):
        speed += gain(speed_cutoff) * ((values[i] - out[i - 1]) * fps - speed)
        out[i] = out[i - 1] + gain(cutoff + beta * np.abs(speed)) * (values[i] - out[i - 1])
    return out


def savitzky_golay(values: Array, window: int, order: int) -> Array:
    """values (T, D): the fit's value at the newest of the last `window` frames."""
    weights = savgol_coeffs(window, order, pos=window - 1, use="dot")
    out = values.copy()
    for i in range(window - 1, len(out)):
        out[i] = weights @ values[i - window + 1 : i + 1]
    return out


def sixd(rotations: Array) -> Array:
    """(T, J, 3, 3) -> (T, 6 J)."""
    return rotations[..., :2].reshape(len(rotations), -1)


def from_sixd(values: Array) -> Array:
    """The nearest rotations that keep the first column's direction."""
    columns = values.reshape(len(values), -1, 3, 2)
    x = columns[..., 0] / np.linalg.norm(columns[..., 0], axis=-1, keepdims=True)
    y = columns[..., 1] - np.einsum("tji,tji->tj", x, columns[..., 1])[..., None] * x
    y /= np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def quaternions(rotations: Array) -> Array:
    """(T, J, 3, 3) -> (T, 4 J), neighbours on the same half of the sphere."""
    q = so3.quaternion(rotations)
    turn = np.einsum("tjk,tjk->tj", q[1:], q[:-1]) < 0
    q[1:] *= np.where(np.cumsum(turn, axis=0) % 2, -1.0, 1.0)[..., None]
    return q.reshape(len(q), -1)


def from_quaternions(values: Array) -> Array:
    q = values.reshape(len(values), -1, 4)
    return so3.from_quaternion(q / np.linalg.norm(q, axis=-1, keepdims=True))


def componentwise(
    engine: Engine, d: Arrays, low_pass: Callable[[NDArray[Any]], NDArray[Any]], spelling: str
) -> NDArray[np.float64]:
    """Joints (T, 145, 3) where every number of pose, shape, face and place is filtered alone."""
    write, read = (sixd, from_sixd) if spelling == "6d" else (quaternions, from_quaternions)
    values = {n: low_pass(d[f"raw_{n}"].astype(np.float64)) for n in NAMES if n != "rotations"}
    turns = read(low_pass(write(d["raw_rotations"].astype(np.float64))))
    filtered = {n: v.astype(np.float32) for n, v in (values | {"rotations": turns}).items()}
    place = low_pass(d["raw_transl"].astype(np.float64))
    return engine.joints(Parameters(**filtered)) + place[:, None]


def tuned(engine: Engine, judge: Judge, latest: float) -> dict[str, Any]:
    """The plain filters, each with the setting that takes most jitter at no more than this lag."""
    families: dict[str, list[tuple[dict[str, Any], Callable[[Arrays], NDArray[Any]]]]] = {}
    for spelling in ("6d", "quaternion"):
        families[f"one_euro_{spelling}"] = [
            (
                {"cutoff": cutoff, "beta": beta},
                lambda d, c=cutoff, b=beta, s=spelling: componentwise(  # type: ignore[misc]
                    engine, d, lambda v: per_column(one_euro, v, FPS, c, b, 1.0), s
                ),
            )
            for cutoff, beta in itertools.product(*ONE_EURO)
        ]
    families["savitzky_golay_6d"] = [
        (
            {"window": window, "order": order},
            lambda d, w=window, o=order: componentwise(  # type: ignore[misc]
                engine, d, lambda v: per_column(savitzky_golay, v, w, o), "6d"
            ),
        )
        for window, order in itertools.product(*SAVITZKY_GOLAY)
    ]
    result: dict[str, Any] = {}
    for name, candidates in families.items():
        tried = [
            {"setting": setting, "summary": judge(run)} for setting, run in track(candidates, name)
        ]
        quick = [t for t in tried if t["summary"]["pose_lag_ms"] <= latest] or tried
        best = max(quick, key=lambda t: t["summary"]["pose_jitter_reduction"])
        curve = [
            (t["summary"]["pose_lag_ms"], t["summary"]["pose_jitter_reduction"]) for t in tried
        ]
        result[name] = best | {"lag_and_reduction": curve}
    return result


def per_column(low_pass: Callable[..., NDArray[Any]], values: NDArray[Any], *how: Any) -> Any:
    return low_pass(values.reshape(len(values), -1), *how).reshape(values.shape)
