"""A recorded person as BVH: the SMPL-X skeleton and its rotations, no mesh.

y up, the camera that saw the person at the origin, looking along -z; centimetres, as BVH readers
assume (Blender: scale 0.01). The root has position and rotation, every other joint a rotation, in
the order Z, X, Y (R = Rz Rx Ry). The root has no offset: its position is that of the pelvis. The
joints rest in the T-pose.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pear_core.anatomy import SMPLX_JOINTS, SMPLX_PARENTS
from pear_core.exchange.arrays import FloatArray
from pear_core.exchange.motion import Y_UP_FROM_OPTICAL, Motion, evenly_timed, turned
from pear_core.exchange.skeleton import RestJoints, all_rotations, lock_shape

UNIT = 100.0
"""Numbers per metre."""
_TURN = "Zrotation Xrotation Yrotation"
_ROOT = f"CHANNELS 6 Xposition Yposition Zposition {_TURN}"
_TIP = 0.02
"""Length in metres of bones that nothing hangs on."""


def to_bvh(motion: Motion, rest: RestJoints) -> str:
    """The file of a motion at an even rate, in one shape (medians over time)."""
    motion = lock_shape(evenly_timed(motion), rest)
    joints = rest(motion)
    motion = turned(motion, Y_UP_FROM_OPTICAL, joints[:, 0])
    place = UNIT * (motion.transl + joints[:, 0])
    lines, order = _hierarchy(joints[0])
    # Channels follow the joints of the file, which go down one limb after another.
    turns = euler(all_rotations(motion))[:, order].reshape(len(motion), -1)
    rows = np.concatenate((place, turns), axis=1)
    lines = ["HIERARCHY", *lines, "MOTION", f"Frames: {len(motion)}"]
    lines.append(f"Frame Time: {1 / motion.fps:.7f}")
    lines += [" ".join(f"{value:.5f}" for value in row) for row in rows]
    return "\n".join(lines) + "\n"


def euler(vectors: FloatArray) -> FloatArray:
    """Angles [T, J, 3] about z, x, y in degrees of axis-angles [T, J, 3], continuous over time."""
    frames, joints, _ = vectors.shape
    matrices = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    # R = Rz Rx Ry has sin(x) in its last row; near +-90 degrees only z +- y is defined.
    x = np.arcsin(np.clip(matrices[:, 2, 1], -1.0, 1.0))
    free = np.hypot(matrices[:, 2, 0], matrices[:, 2, 2]) > 1e-7
    z = np.where(
        free,
        np.arctan2(-matrices[:, 0, 1], matrices[:, 1, 1]),
        np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]),
    )
    y = np.where(free, np.arctan2(-matrices[:, 2, 0], matrices[:, 2, 2]), 0.0)
    angles = np.stack((z, x, y), axis=1).reshape(frames, joints, 3)
    continuous: FloatArray = np.rad2deg(np.unwrap(angles, axis=0))
    return continuous


def _hierarchy(joints: FloatArray) -> tuple[list[str], list[int]]:
    """The lines that describe the skeleton, and the joints in the order of these lines."""
    children: dict[int, list[int]] = {joint: [] for joint in range(-1, len(joints))}
    for joint, parent in enumerate(SMPLX_PARENTS):
        children[int(parent)].append(joint)
    lines: list[str] = []
    order: list[int] = []

    def offset(depth: int, value: FloatArray) -> str:
        return "\t" * depth + "OFFSET " + " ".join(f"{UNIT * number:.5f}" for number in value)

    def write(joint: int, depth: int) -> None:
        order.append(joint)
        tab = "\t" * depth
        root = joint == 0
        bone = np.zeros(3) if root else joints[joint] - joints[SMPLX_PARENTS[joint]]
        lines.append(f"{tab}{'ROOT' if root else 'JOINT'} {SMPLX_JOINTS[joint]}")
        lines.append(tab + "{")
        lines.append(offset(depth + 1, bone))
        lines.append(f"{tab}\t{_ROOT if root else f'CHANNELS 3 {_TURN}'}")
        for child in children[joint]:
            write(child, depth + 1)
        if not children[joint]:
            length = np.linalg.norm(bone)
            tip = bone / length * _TIP if length > 0 else np.array([0.0, 0.0, _TIP])
            lines.extend((f"{tab}\tEnd Site", tab + "\t{", offset(depth + 2, tip), tab + "\t}"))
        lines.append(tab + "}")

    write(0, 0)
    return lines, order
