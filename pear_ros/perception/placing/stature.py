"""People whose size is known: a stature in metres, or the whole shape.

A picture alone cannot tell a tall person far away from a short one near by. Who knows how tall the
people are says so here; their bodies then get that size, and their distance follows
(`ScaleSource.KNOWN_SHAPE`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy, layout
from pear_ros.perception.placing.skin import Body, rest_pose
from pear_ros.problems import PearError
from pear_ros.types import FloatArray, Parameters

LOWEST, HIGHEST = 0.8, 2.4
"""Statures in metres that can be given. The body model knows adults; far from them it extrapolates."""

_Array = NDArray[np.float64]
_SHAPE = ("betas", "flame_shape", "head_scale")
_TOP = anatomy.EHM_JOINTS.index("head_top")
_HEELS = [anatomy.EHM_JOINTS.index(f"{side}_heel") for side in ("left", "right")]


@dataclass(frozen=True)
class KnownPeople:
    """What is known of people's size: a stature in metres (barefoot, hair not counted), or betas.

    everybody: holds for all whom `tracks` (by track id) does not name; None: nothing is known.
    Raises PearError for a stature outside LOWEST to HIGHEST or betas of another shape.
    """

    everybody: float | FloatArray | None = None
    tracks: Mapping[int, float | FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = {"everybody": self.everybody} if self.everybody is not None else {}
        for name, size in {**named, **{f"track {i}": s for i, s in self.tracks.items()}}.items():
            _check(name, size)

    def __bool__(self) -> bool:
        return self.everybody is not None or bool(self.tracks)

    def of(self, track_id: int) -> float | FloatArray | None:
        return self.tracks.get(track_id, self.everybody)


def _check(name: str, size: float | FloatArray) -> None:
    if isinstance(size, np.ndarray):
        if size.shape != (layout.NUM_BETAS,) or not np.isfinite(size).all():
            raise PearError(
                "not a body shape",
                where=name,
                expected=f"{layout.NUM_BETAS} finite betas",
                found=f"shape {size.shape}",
            )
    elif not (math.isfinite(size) and LOWEST <= size <= HIGHEST):
        raise PearError(
            "not a stature", where=name, expected=f"{LOWEST} to {HIGHEST} m", found=f"{size} m"
        )


@dataclass(frozen=True)
class StatureModel:
    """Stature of a body model's T-pose, linear in its shape: base metres of the mean body, slopes
    by parameter (metres per unit).
    """

    base: float
    slopes: Mapping[str, _Array]

    @classmethod
    def of(cls, body: Body) -> StatureModel:
        """Measured on the model: one mesh, and the joints of one body per shape parameter."""
        mean = np.asarray(body.mesh(rest_pose(1))[0], np.float64)
        widths = [layout.FIELDS[name].width for name in _SHAPE]
        bodies = rest_pose(1 + sum(widths))
        first = 1
        for name, width in zip(_SHAPE, widths, strict=True):
            values = getattr(bodies, name)
            values[np.arange(first, first + width), np.arange(width)] += 1.0
            first += width
        joints = np.asarray(body.joints(bodies), np.float64)
        height = joints[:, _TOP, 1] - joints[:, _HEELS, 1].mean(axis=1)
        ends = np.cumsum(widths)[:-1]
        slopes = np.split(height[1:] - height[0], ends)
        return cls(float(np.ptp(mean[:, 1])), dict(zip(_SHAPE, slopes, strict=True)))

    def stature(self, parameters: Parameters) -> _Array:
        """Metres (N,) from the soles to the top of the head, standing upright."""
        return (
            self.base
            + parameters.betas @ self.slopes["betas"]
            + parameters.flame_shape @ self.slopes["flame_shape"]
            + (parameters.head_scale - 1.0) @ self.slopes["head_scale"]
        )

    def sized(
        self, parameters: Parameters, sizes: Sequence[float | FloatArray | None]
    ) -> Parameters:
        """The same people with the sizes that are known, by betas alone.

        A stature moves the betas as little as can be (least squares); where nothing is known they
        stay.
        """
        betas = np.array(parameters.betas, dtype=np.float64)
        slope = self.slopes["betas"]
        now = self.stature(parameters)
        for i, size in enumerate(sizes):
            if isinstance(size, np.ndarray):
                betas[i] = size
            elif size is not None:
                betas[i] += slope * (size - now[i]) / (slope @ slope)
        return replace(parameters, betas=betas.astype(np.float32))
