"""Names, parents, orders and left/right maps of the joints, and index maps between conventions.

Facts only (numpy, no torch): the SMPL-X kinematic tree (55 joints), the FLAME tree (5 joints), the
145 joints of EHM-s, the 134 DWPose points, SMPL's joints and the key points made of them (44 of
HMR2, 17 of Human3.6M, 14 of LSP), and who mirrors whom.
Sources: SMPL-X joint order; PEAR facts 5.5 (145 joints), 5.6 (145 -> 134), 5.7 and 16.14 (44 key
points), 9.3 (Human3.6M -> LSP).
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


def _dwpose_hand(side: str) -> tuple[str, ...]:
    fingers = ("thumb", "index", "middle", "ring", "pinky")
    return (f"{side}_hand_root", *(f"{side}_{f}{i}" for f in fingers for i in (1, 2, 3, 4)))


_OPENPOSE_BODY = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist",
)  # fmt: skip
_OPENPOSE_LEGS = (
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye",
    "left_eye", "right_ear", "left_ear",
)  # fmt: skip
_OPENPOSE_FEET = (
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
DWPOSE_NAMES: tuple[str, ...] = (
    *_OPENPOSE_BODY,
    *_OPENPOSE_LEGS,
    *_OPENPOSE_FEET,
    *(f"face_{i}" for i in range(68)),
    *_dwpose_hand("left"),
    *_dwpose_hand("right"),
)
"""The 134 DWPose points: body 18, feet 6, face 68 (iBUG numbers), left hand 21, right hand 21."""

LSP_NAMES: tuple[str, ...] = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist",
    "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip
"""The 14 joints of LSP: order of the J14 regressor and of the 3DPW protocol."""
H36M_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle",
    "spine", "neck", "nose", "head_top", "left_shoulder", "left_elbow", "left_wrist",
    "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
"""Rows of the Human3.6M regressor over SMPL vertices."""
LSP_FROM_H36M: NDArray[np.int64] = np.array([6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10])

SMPL_VERTICES = 6890
SMPL_JOINTS: tuple[str, ...] = (*BODY_JOINTS, "left_hand", "right_hand")
SMPL_POINTS: dict[str, int] = {
    "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583,
    "left_big_toe": 3216, "left_small_toe": 3226, "left_heel": 3387, "right_big_toe": 6617,
    "right_small_toe": 6624, "right_heel": 6787,
    "left_thumb": 2746, "left_index": 2319, "left_middle": 2445, "left_ring": 2556,
    "left_pinky": 2673, "right_thumb": 6191, "right_index": 5782, "right_middle": 5905,
    "right_ring": 6016, "right_pinky": 6133,
}  # fmt: skip
"""SMPL vertex of each of the 21 points that follow the 24 joints as joints 24..44."""

OPENPOSE_NAMES: tuple[str, ...] = (*_OPENPOSE_BODY, "mid_hip", *_OPENPOSE_LEGS, *_OPENPOSE_FEET)
OPENPOSE_FROM_SMPL: NDArray[np.int64] = np.array(
    [24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, *range(25, 35)]
)
"""Index among SMPL's 24 joints and 21 points of each of OpenPose's 25."""
HMR2_KEYPOINT_NAMES: tuple[str, ...] = (
    *OPENPOSE_NAMES,
    *(f"{name}_lsp" for name in LSP_NAMES),
    *("pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m", "head_h36m"),
)
"""The 44 key points of HMR2: OpenPose's 25 and 19 that are regressed."""
HMR2_PELVIS = HMR2_KEYPOINT_NAMES.index("pelvis_mpii")
HMR2_JUDGED: tuple[int, ...] = (*range(25, 38), 43)
"""The key points that HMR2's evaluation counts (LSP's without the head top, and the H36M head)."""
HMR2_REINDEXED: NDArray[np.int64] = np.array(
    [0, 1, 33, 3, 4, 34, 6, 7, 39, 27, 26, 11, 28, 13, 14, *range(15, 25)]
    + [11, 26, 27, 28, 13, 14, *range(31, 44)]
)
"""The training variant (also H36M-VAL-P2, 3DPW-TEST, POSETRACK-VAL) takes its 44 from OpenPose's 25
and the 19 of SMPL_to_J19 in this order: shoulders and hips regressed, most knees and ankles not."""
HMR2_COCO_EXTRA: NDArray[np.int64] = np.array(
    [8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, *range(47, 54)]
)
"""The COCO / LSP variant's last 19, among SMPL's 24 joints, 21 points and 9 extra joints."""

_FACE_RUNS = ((0, 16), (17, 26), (31, 35), (48, 54), (55, 59), (60, 64), (65, 67))
_RIGHT_EYE_OF_FACE, _LEFT_EYE_OF_FACE = (36, 37, 38, 39, 40, 41), (45, 44, 43, 42, 47, 46)


def _face_mirror() -> NDArray[np.int64]:
    out = np.arange(68)
    for first, last in _FACE_RUNS:
        out[first : last + 1] = np.arange(last, first - 1, -1)
    right, left = list(_RIGHT_EYE_OF_FACE), list(_LEFT_EYE_OF_FACE)
    out[right], out[left] = left, right
    return out


FACE_MIRROR: NDArray[np.int64] = _face_mirror()
"""For each of the 68 iBUG landmarks its left/right counterpart."""


def mirrored(names: tuple[str, ...]) -> NDArray[np.int64]:
    """For each name the index of its left/right counterpart (itself where there is none).

    Face landmarks ("face_36") have no side in their name: they follow FACE_MIRROR.
    """
    index = {name: i for i, name in enumerate(names)}

    def other(name: str) -> str:
        if name.startswith("left_"):
            return "right_" + name[5:]
        if name.startswith("right_"):
            return "left_" + name[6:]
        if name.startswith("face_"):
            return f"face_{FACE_MIRROR[int(name[5:])]}"
        return name

    return np.array([index[other(name)] for name in names])


SMPLX_MIRROR: NDArray[np.int64] = mirrored(SMPLX_JOINTS)
EHM_MIRROR: NDArray[np.int64] = mirrored(EHM_JOINTS)
DWPOSE_MIRROR: NDArray[np.int64] = mirrored(DWPOSE_NAMES)
"""Flip permutation of the 134 points; unlike the published one it swaps the halves of the face."""
HMR2_MIRROR: NDArray[np.int64] = mirrored(HMR2_KEYPOINT_NAMES)


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
