"""Everybody of a frame in metres: from the regressor's output to place, provenance and sigma.

In this order: the body is turned from the view of its crop into the picture's, known people get
their size, the picture's geometry gives a place (`place`), and a depth image corrects it (`depth`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_ros.native import kernels
from pear_ros.perception.frozen import altered
from pear_ros.perception.placing import depth, place
from pear_ros.perception.placing.place import Placement
from pear_ros.perception.placing.skin import Body, Skin
from pear_ros.perception.placing.stature import KnownPeople, StatureModel
from pear_ros.problems import PearError, Problems
from pear_ros.types import (
    Crop,
    FloatArray,
    Frame,
    Intrinsics,
    Parameters,
    RegressorOutput,
    ScaleSource,
)


@dataclass(frozen=True)
class PlaceOptions:
    """known: people whose size is known.

    viewing_ray: turn bodies by the angle between the optical axis and the ray to their crop's
    centre. The regressor sees the crop alone, as if the camera looked straight at it; at the border
    of a usual lens that is 30 degrees off. PEAR does not do it. Needs a calibrated camera.
    """

    known: KnownPeople = field(default_factory=KnownPeople)
    viewing_ray: bool = True


@dataclass(frozen=True)
class Placed:
    """Placement of N people; raw and parameters: as regressed, and with the sizes that are known;
    joints (N, 145, 3): of the latter, body model's output frame."""

    placement: Placement
    raw: Parameters
    parameters: Parameters
    joints: FloatArray


class Placer:
    """Keeps what it measured once on the body model: skin and stature.

    options None: bodies stay as regressed. Raises PearError where people are known and the engine
    has no mesh to measure their size on.
    """

    def __init__(self, engine: object, options: PlaceOptions | None, problems: Problems) -> None:
        self._body = engine if isinstance(engine, Body) else None
        self._problems = problems
        self._skin: Skin | None = None
        self._stature: StatureModel | None = None
        self.options = options

    @property
    def options(self) -> PlaceOptions | None:
        """May be replaced between frames."""
        return self._options

    @options.setter
    def options(self, options: PlaceOptions | None) -> None:
        if options is not None and options.known and self._stature is None:
            if self._body is None:
                raise PearError("known people need an engine with a mesh", where="placement")
            self._stature = StatureModel.of(self._body)
        self._options = options

    def prepare(self) -> None:
        """Measure the skin now, so that the first depth image is not late."""
        if self._skin is None and self._body is not None:
            self._skin = Skin.of(self._body)

    def place(
        self,
        frame: Frame,
        output: RegressorOutput,
        ids: Sequence[int],
        keypoints: FloatArray,
        confidence: FloatArray,
        crops: Sequence[Crop],
        intrinsics: Intrinsics,
        calibrated: bool,
    ) -> Placed:
        """Places N people (ids: their tracks). keypoints (N, J, 2): pixels of the picture."""
        parameters, joints = output.parameters, output.joints
        scale = [ScaleSource.INTRINSICS if calibrated else ScaleSource.NONE] * len(ids)
        if self._options is not None and self._options.viewing_ray and calibrated:
            turn = viewing_turns(crops, intrinsics)
            parameters, joints = turned(parameters, joints, turn)
        raw = parameters
        sizes = [self._options.known.of(i) if self._options is not None else None for i in ids]
        if (
            self._stature is not None
            and self._body is not None
            and any(size is not None for size in sizes)
        ):
            parameters = self._stature.sized(parameters, sizes)
            joints = self._body.joints(parameters)
            scale = [
                s if size is None or not calibrated else ScaleSource.KNOWN_SHAPE
                for s, size in zip(scale, sizes, strict=True)
            ]
        placement = place.place(
            joints, keypoints, confidence, output.camera, crops, intrinsics, scale
        )
        if calibrated and self._sees_depth(frame):
            placement = self._corrected(
                placement, frame.depth, parameters, joints, keypoints, confidence, intrinsics
            )
        return Placed(placement, raw, parameters, joints)

    def _sees_depth(self, frame: Frame) -> bool:
        """Whether there is a depth image that fits the picture; a wrong one is counted."""
        if frame.depth is None:
            return False
        if self._body is None:
            self._fault(frame, "the engine has no mesh, so depth is not used")
            return False
        height, width = frame.image.shape[:2]
        found: Any = frame.depth
        if found.shape != (height, width) or found.dtype.kind != "f":
            reason = f"expected float depth of {width}x{height}, found {found.shape} {found.dtype}"
            self._fault(frame, reason)
            return False
        return True

    def _fault(self, frame: Frame, reason: str) -> None:
        self._problems.add("depth", frame.source, frame.stamp, reason)

    def _corrected(
        self,
        placement: Placement,
        image: FloatArray | None,
        parameters: Parameters,
        joints: FloatArray,
        keypoints: FloatArray,
        confidence: FloatArray,
        intrinsics: Intrinsics,
    ) -> Placement:
        """Moves those whom the depth image sees.

        A body keeps its size: one picture cannot tell a wrong size from a wrong outline, and a size
        that changed with every frame's depth noise would make people breathe. So along the viewing
        ray its joints meet the key points on average only.
        """
        self.prepare()
        assert self._skin is not None and image is not None
        placed = joints + placement.transl[:, None]
        measured = depth.measure(self._skin, image, parameters.rotations, placed, intrinsics)
        if not measured.ok.any():
            return placement
        far = placement.transl[:, 2] + measured.shift
        moved = place.at_depth(joints, keypoints, confidence, far, intrinsics)
        ok = measured.ok & np.isfinite(moved).all(axis=1)
        return replace(
            placement,
            transl=np.where(ok[:, None], moved, placement.transl).astype(np.float32),
            depth_sigma=np.where(ok, measured.sigma, placement.depth_sigma).astype(np.float32),
            scale=tuple(
                ScaleSource.DEPTH if deep else source
                for deep, source in zip(ok, placement.scale, strict=True)
            ),
        )


def viewing_turns(crops: Sequence[Crop], k: Intrinsics) -> NDArray[np.float64]:
    """Rotations (N, 3, 3) that take the optical axis to the rays to the crops' centres.

    The shortest turn: about the axis across both (as in CLIFF, Li et al. 2022). It takes z to the
    unit ray (a, b, c) by 1 + [w] + [w]^2 / (1 + c) with w = z x ray.
    """
    turns = np.empty((len(crops), 3, 3))
    # Scalars: for a handful of people faster than arrays.
    for i, crop in enumerate(crops):
        x, y = (crop.cx - k.cx) / k.fx, (crop.cy - k.cy) / k.fy
        c = 1.0 / math.sqrt(x * x + y * y + 1.0)
        a, b, d = x * c, y * c, 1.0 / (1.0 + c)
        turns[i] = ((1 - a * a * d, -a * b * d, a), (-a * b * d, 1 - b * b * d, b), (-a, -b, c))
    return turns


def turned(
    parameters: Parameters, joints: FloatArray, turn: NDArray[np.float64]
) -> tuple[Parameters, FloatArray]:
    """People and their joints (N, 145, 3) turned by (N, 3, 3) about the pelvis, as the root turns."""
    if kernels is not None:
        old, about = (np.asarray(a, np.float32) for a in (parameters.rotations, joints))
        rotations, moved = np.empty(old.shape, np.float32), np.empty(about.shape, np.float32)
        kernels.turned(np.ascontiguousarray(turn), old, about, rotations, moved)
        return altered(parameters, rotations=rotations), moved
    rotations = np.array(parameters.rotations)
    rotations[:, 0] = turn @ rotations[:, 0]
    pelvis = joints[:, :1]
    moved = (joints - pelvis) @ turn.transpose(0, 2, 1).astype(np.float32) + pelvis
    return altered(parameters, rotations=rotations), moved
