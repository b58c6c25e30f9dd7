"""How far an engine is from torch, in units that mean something: degrees, millimetres, pixels.

The engine comes in as a callable over whole crops, so cropping, precision and every graph are
inside what is compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pear_core import layout
from pear_core.anatomy import BODY_JOINTS, EHM_JOINTS, SMPLX_JOINTS
from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode
from pear_core.geometry.cameras import project_crop
from pear_core.model.regressor import Regressor

FloatArray = NDArray[np.floating]
Candidate = Callable[[NDArray[np.uint8]], Mapping[str, FloatArray]]
"""RGB squares [N, 256, 256, 3] uint8 -> rotations, joints, keypoints, camera, vertices."""

ROTATION_JOINTS = (*BODY_JOINTS, *SMPLX_JOINTS[25:])
"""Joint of each of the 52 regressed rotations."""


@dataclass(frozen=True)
class Limits:
    """What a precision may cost; a report above any of them fails."""

    mean_vertex_mm: float
    max_vertex_mm: float
    mean_degrees: float
    max_keypoint_px: float


# Means: what the project promises of float16 and INT8; float32 engines stay a hundred times below
# theirs. Largest values: a few times what was measured on pear_vit_ti over 256 rendered crops.
LIMITS: dict[str, Limits] = {
    "f32": Limits(mean_vertex_mm=0.05, max_vertex_mm=1.0, mean_degrees=0.01, max_keypoint_px=0.05),
    "f16": Limits(0.5, 15.0, mean_degrees=0.05, max_keypoint_px=3.0),
    "bf16": Limits(3.0, 30.0, mean_degrees=0.3, max_keypoint_px=6.0),
    "w8": Limits(3.0, 60.0, mean_degrees=0.5, max_keypoint_px=15.0),
    "int8": Limits(4.0, 100.0, mean_degrees=1.0, max_keypoint_px=25.0),
}
"""By precision of the network; "w8" is INT8 for the weights only."""


@dataclass(frozen=True)
class Deviation:
    """Distribution of one kind of error over crops and items, and where the worst lies."""

    unit: str
    mean: float
    p95: float
    worst: float
    worst_crop: int
    worst_item: str


@dataclass(frozen=True)
class ParityReport:
    """Deviations of an engine from torch over `crops` crops, and the limits they must keep."""

    engine: str
    precision: str
    crops: int
    rotations: Deviation
    joints: Deviation
    vertices: Deviation
    keypoints: Deviation
    camera: Deviation
    degrees_per_joint: dict[str, float]
    limits: Limits
    crop_mm: tuple[float, ...] = ()
    """Mean vertex error of each crop."""

    def failures(self) -> list[str]:
        """One line per limit that is exceeded; empty means parity."""
        measured = {
            "mean_vertex_mm": self.vertices.mean,
            "max_vertex_mm": self.vertices.worst,
            "mean_degrees": self.rotations.mean,
            "max_keypoint_px": self.keypoints.worst,
        }
        # "not <=" so that NaN fails.
        return [
            f"{name} {measured[name]:.4g} exceeds {limit:g}"
            for name, limit in asdict(self.limits).items()
            if not measured[name] <= limit
        ]

    def share_of_limits(self) -> float:
        """How much of the limits is used up: 1 at the limit, infinite for NaN."""
        shares = (
            self.vertices.mean / self.limits.mean_vertex_mm,
            self.vertices.worst / self.limits.max_vertex_mm,
            self.rotations.mean / self.limits.mean_degrees,
            self.keypoints.worst / self.limits.max_keypoint_px,
        )
        return max(share if share == share else float("inf") for share in shares)

    def worst_crops(self, count: int = 5) -> list[dict[str, float]]:
        """The crops with the largest mean vertex error, worst first."""
        order = sorted(range(len(self.crop_mm)), key=lambda i: -self.crop_mm[i])[:count]
        return [{"crop": i, "mean_vertex_mm": self.crop_mm[i]} for i in order]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"worst_crops": self.worst_crops(), "failures": self.failures()}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1)

    def table(self) -> str:
        """The same for a terminal."""
        lines = [
            f"{self.engine} {self.precision} against torch, {self.crops} crops",
            f"{'':10} {'mean':>10} {'p95':>10} {'worst':>10}  where",
        ]
        for name in ("rotations", "joints", "vertices", "keypoints", "camera"):
            d: Deviation = getattr(self, name)
            lines.append(
                f"{name:10} {d.mean:10.4g} {d.p95:10.4g} {d.worst:10.4g}  "
                f"{d.unit}, crop {d.worst_crop}, {d.worst_item}"
            )
        return "\n".join([*lines, *(f"FAIL {failure}" for failure in self.failures())])


def torch_outputs(
    regressor: Regressor, ehm: Ehm, squares: NDArray[np.uint8]
) -> dict[str, FloatArray]:
    """The reference: squares [N, 256, 256, 3] uint8 RGB through torch in float32."""
    planes = torch.from_numpy(np.ascontiguousarray(squares.transpose(0, 3, 1, 2))).float() / 255.0
    with torch.no_grad():
        return body_outputs(regressor.eval().forward_square(planes), ehm)


def body_outputs(raw: torch.Tensor, ehm: Ehm) -> dict[str, FloatArray]:
    """What a raw vector [N, 935] means, in float32: the outputs that are compared."""
    with torch.no_grad():
        parameters, camera = decode(raw)
        body = ehm(parameters)
        keypoints = project_crop(body.joints, camera)
    outputs = {
        "rotations": parameters.rotations,
        "joints": body.joints,
        "keypoints": keypoints,
        "camera": camera,
        "vertices": body.vertices,
    }
    return {name: value.numpy() for name, value in outputs.items()}


def parity_report(
    regressor: Regressor,
    ehm: Ehm,
    candidate: Candidate,
    squares: NDArray[np.uint8],
    *,
    engine: str,
    precision: str = "f32",
    limits: Limits | None = None,
    batch: int = 32,
) -> ParityReport:
    """Compare an engine with torch on squares [N, 256, 256, 3], `batch` at a time.

    limits: LIMITS[precision] unless given.

    Raises ValueError where the engine's outputs have other names or shapes.
    """
    parts = [squares[i : i + batch] for i in range(0, len(squares), batch)]
    expected = joined([torch_outputs(regressor, ehm, part) for part in parts])
    found = joined([candidate(part) for part in parts])
    return compared(expected, found, engine=engine, precision=precision, limits=limits)


def compared(
    expected: Mapping[str, FloatArray],
    found: Mapping[str, FloatArray],
    *,
    engine: str,
    precision: str,
    limits: Limits | None = None,
) -> ParityReport:
    """The report on outputs of an engine, where torch's are known: both name -> [crops, ...].

    Raises ValueError where names or shapes differ.
    """
    for name, value in expected.items():
        if name not in found or found[name].shape != value.shape:
            shape = found[name].shape if name in found else "nothing"
            raise ValueError(f"{engine}: output {name} expected shape {value.shape}, found {shape}")
    degrees = geodesic_degrees(expected["rotations"], found["rotations"])

    def distance(name: str) -> FloatArray:
        difference = found[name].astype(np.float64) - expected[name].astype(np.float64)
        length: FloatArray = np.linalg.norm(difference, axis=-1)
        return length

    vertices = 1e3 * distance("vertices")
    return ParityReport(
        engine=engine,
        precision=precision,
        crops=len(degrees),
        rotations=_deviation("degrees", degrees, ROTATION_JOINTS),
        joints=_deviation("mm", 1e3 * distance("joints"), EHM_JOINTS),
        vertices=_deviation("mm", vertices, None),
        keypoints=_deviation(
            "px of the 256 crop", layout.CROP_SIZE * distance("keypoints"), EHM_JOINTS
        ),
        camera=_deviation("(tx, ty, s)", distance("camera")[:, None], ("camera",)),
        degrees_per_joint=dict(zip(ROTATION_JOINTS, map(float, degrees.mean(axis=0)))),
        limits=limits or LIMITS[precision],
        crop_mm=tuple(float(mm) for mm in vertices.mean(axis=1)),
    )


def joined(parts: Sequence[Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """Outputs of consecutive crops as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def geodesic_degrees(first: FloatArray, second: FloatArray) -> FloatArray:
    """Angle in degrees between rotation matrices (..., 3, 3), exact also for tiny angles.

    For rotations |A - B|_F = 2 sqrt(2) sin(angle / 2); the arc cosine of the trace would stop at
    0.02 degrees in float32.
    """
    chord = np.linalg.norm(first.astype(np.float64) - second.astype(np.float64), axis=(-2, -1))
    angle: FloatArray = np.rad2deg(2 * np.arcsin(np.clip(chord / np.sqrt(8), 0.0, 1.0)))
    return angle


def _deviation(unit: str, errors: FloatArray, names: tuple[str, ...] | None) -> Deviation:
    """errors (N, items); NaN counts as infinite."""
    errors = np.where(np.isfinite(errors), errors, np.inf)
    crop, item = np.unravel_index(int(errors.argmax()), errors.shape)
    name = names[item] if names else f"vertex {item}"
    # "higher" never interpolates between infinities.
    p95 = float(np.percentile(errors, 95, method="higher"))
    return Deviation(unit, float(errors.mean()), p95, float(errors.max()), int(crop), name)
