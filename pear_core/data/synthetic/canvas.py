"""What painting a body needs to know of its template: parts, landmarks of the T-pose, mesh
topology.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pear_core.anatomy import HEAD, SMPLX_JOINTS
from pear_core.body.files import BodyAssets
from pear_core.render.shading import corner_matrix, vertex_normals

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


class Part(IntEnum):
    """Coarse part of a vertex, face or pixel."""

    TORSO = 0
    ARM = 1
    HAND = 2
    LEG = 3
    FOOT = 4
    NECK = 5
    HEAD = 6
    EYE = 7
    LIPS = 8
    EXTRA = 9
    """Things worn that are no part of the body mesh."""


@dataclass(frozen=True)
class Canvas:
    """The T-pose of the mean body, for painting.

    points (V, 3): template vertices, metres, the canonical coordinates of the surface. normals (V,
    3). part (V,), face_part (F,): Part numbers. joints (55, 3): template joints. head_weight (V,):
    how much a vertex follows the head. top: y of the top of the head. corners: see
    shading.corner_matrix.
    """

    points: FloatArray
    normals: FloatArray
    faces: IntArray
    part: NDArray[np.int8]
    face_part: NDArray[np.int8]
    joints: FloatArray
    head_weight: FloatArray
    corners: sparse.csr_array

    @property
    def top(self) -> float:
        return float(self.points[:, 1].max())

    def joint(self, name: str) -> FloatArray:
        """Template position (3,) of a joint."""
        return np.asarray(self.joints[SMPLX_JOINTS.index(name)])


def build_canvas(assets: BodyAssets) -> Canvas:
    """Reads parts from skinning weights and FLAME regions."""
    body = assets.smplx
    points = np.asarray(body.v_template, dtype=np.float32)
    faces = np.asarray(body.faces, dtype=np.int32)
    part = _PART_OF_JOINT[body.weights.argmax(axis=1)].astype(np.int8)
    if "lips" in assets.masks:
        part[assets.vertex_ids[assets.masks["lips"]]] = Part.LIPS
    corner_parts = np.sort(part[faces], axis=1)
    corners = corner_matrix(faces, len(points))
    return Canvas(
        points=points,
        normals=vertex_normals(points, faces, corners),
        faces=faces,
        part=part,
        face_part=corner_parts[:, 1],  # the median: two of three corners where they disagree
        joints=np.asarray(body.joint_regressor @ body.v_template, dtype=np.float32),
        head_weight=body.weights[:, [HEAD, 22, 23, 24]].sum(axis=1).astype(np.float32),
        corners=corners,
    )


def _parts() -> NDArray[np.int64]:
    table = np.zeros(len(SMPLX_JOINTS), dtype=np.int64)
    for i, name in enumerate(SMPLX_JOINTS):
        plain = name.removeprefix("left_").removeprefix("right_")
        if plain in ("shoulder", "elbow"):
            table[i] = Part.ARM
        elif plain == "wrist" or i >= 25:
            table[i] = Part.HAND
        elif plain in ("hip", "knee"):
            table[i] = Part.LEG
        elif plain in ("ankle", "foot"):
            table[i] = Part.FOOT
        elif plain == "neck":
            table[i] = Part.NECK
        elif plain in ("head", "jaw"):
            table[i] = Part.HEAD
        elif plain == "eye_smplhf":
            table[i] = Part.EYE
    return table


_PART_OF_JOINT = _parts()
