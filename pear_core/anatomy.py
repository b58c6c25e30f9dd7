"""Names, parents, orders and left/right maps of the joints, and index maps between conventions.

Facts only (numpy, no torch): the SMPL-X kinematic tree (55 joints), the FLAME tree (5 joints), the
145 joints of EHM-s, the 134 DWPose points and the ARKit-derived expression names.
Sources: SMPL-X joint order; PEAR facts 5.5 (145 joints) and 5.6 (145 -> 134).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _hand(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_{finger}{phalanx}" for finger in _FINGERS for phalanx in (1, 2, 3))


BODY_JOINTS: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar",
    "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist",
)  # fmt: skip
FACE_JOINTS: tuple[str, ...] = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
SMPLX_JOINTS: tuple[str, ...] = BODY_JOINTS + FACE_JOINTS + _hand("left") + _hand("right")

SMPLX_PARENTS: NDArray[np.int64] = np.array(
    [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15,
     20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38,
     21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53]
)  # fmt: skip

PELVIS, NECK, HEAD, JAW, LEFT_EYE, RIGHT_EYE = 0, 12, 15, 22, 23, 24
LEFT_WRIST, RIGHT_WRIST = 20, 21
LEFT_HAND = slice(25, 40)
RIGHT_HAND = slice(40, 55)

FLAME_JOINTS: tuple[str, ...] = ("global", "neck", "jaw", "left_eye", "right_eye")
FLAME_PARENTS: NDArray[np.int64] = np.array([-1, 0, 1, 1, 1])

SURFACE_JOINTS: tuple[str, ...] = (
    "head_top",
    *(f"left_{p}" for p in ("big_toe", "ear", "eye", "heel", "index", "middle", "pinky", "ring",
                            "small_toe", "thumb")),
    "nose",
    *(f"right_{p}" for p in ("big_toe", "ear", "eye", "heel", "index", "middle", "pinky", "ring",
                             "small_toe", "thumb")),
)  # fmt: skip

EHM_JOINTS: tuple[str, ...] = (
    SMPLX_JOINTS
    + tuple(f"face_{i}" for i in range(17, 68))
    + tuple(f"face_{i}" for i in range(17))
    + SURFACE_JOINTS
)
"""The 145 joints of EHM-s: 55 kinematic, 51 static and 17 contour face landmarks (iBUG numbers), 22 surface."""
STATIC_LANDMARKS = slice(55, 106)
CONTOUR_LANDMARKS = slice(106, 123)
SURFACE = slice(123, 145)

DWPOSE_FROM_EHM: NDArray[np.int64] = np.array(
    [68, 12, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 24, 23, 107, 122]
    + [124, 132, 127, 135, 143, 138]
    + list(range(106, 123))
    + list(range(55, 106))
    + [20, 37, 38, 39, 133, 25, 26, 27, 128, 28, 29, 30, 129, 34, 35, 36, 131, 31, 32, 33, 130]
    + [21, 52, 53, 54, 144, 40, 41, 42, 139, 43, 44, 45, 140, 49, 50, 51, 142, 46, 47, 48, 141]
)
"""Index of the EHM-s joint behind each of the 134 DWPose points (the neck's xy is then the shoulder midpoint)."""
DWPOSE_NECK, DWPOSE_SHOULDERS = 1, (2, 5)


def mirrored(names: tuple[str, ...]) -> NDArray[np.int64]:
    """For each name the index of its left/right counterpart (itself where there is none)."""
    index = {name: i for i, name in enumerate(names)}

    def other(name: str) -> str:
        if name.startswith("left_"):
            return "right_" + name[5:]
        if name.startswith("right_"):
            return "left_" + name[6:]
        return name

    return np.array([index[other(name)] for name in names])


SMPLX_MIRROR: NDArray[np.int64] = mirrored(SMPLX_JOINTS)


def tree_levels(parents: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Joints grouped by depth, so that forward kinematics needs one batched product per level."""
    depth = np.zeros(len(parents), dtype=np.int64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            depth[joint] = depth[parent] + 1
    return tuple(np.flatnonzero(depth == level) for level in range(int(depth.max()) + 1))


def fingerprint() -> str:
    """SHA-256 (hex) of the names of the 145 joints in order."""
    return hashlib.sha256("\n".join(EHM_JOINTS).encode()).hexdigest()
