"""PEAR's specification, slowly: numpy float64, one person, written from the facts alone.

Loops, 4 x 4 matrices and scipy's rotations; nothing is shared with the code under test. Sources:
PEAR facts 2 to 5 and 16. Loaded by `test_independent_numbers.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.special import erf, softmax

from pear_core.body.files import BodyAssets

Array = NDArray[np.float64]
BODY_TREE = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15]
for wrist, first in ((20, 25), (21, 40)):
    for finger in range(5):
        BODY_TREE += [wrist, first + 3 * finger, first + 3 * finger + 1]
HEAD_TREE = [-1, 0, 1, 1, 1]


def combined(template: Array, directions: Array, coefficients: Array) -> Array:
    """Template plus directions, one non-zero column after the other."""
    out = template.copy()
    for column in range(len(coefficients)):
        if directions[:, :, column].any():
            out += directions[:, :, column] * coefficients[column]
    return out


def skinned(
    template: Array, rest: Array, turns: Array, tree: list[int], weights: Array, posedirs: Array
) -> tuple[Array, Array]:
    """Vertices and joints by 4 x 4 matrices of every vertex."""
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
    corrected = combined(template, posedirs, feature)
    world = np.zeros((len(tree), 4, 4))
    for joint, parent in enumerate(tree):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = rest[joint] if parent < 0 else rest[joint] - rest[parent]
        world[joint] = local if parent < 0 else world[parent] @ local
    joints = world[:, :3, 3].copy()
    for joint in range(len(tree)):
        to_rest = np.eye(4)
        to_rest[:3, 3] = -rest[joint]
        world[joint] = world[joint] @ to_rest
    per_vertex = np.einsum("vj,jab->vab", weights, world)
    homogeneous = np.column_stack((corrected, np.ones(len(corrected))))
    return np.einsum("vab,vb->va", per_vertex, homogeneous)[:, :3], joints


def ehm(f: BodyAssets, p: dict[str, Array], scale_about: str) -> tuple[Array, Array]:
    """Facts 5.2, 5.5, 16.12 and 16.13 for one person: vertices [V, 3] and joints [145, 3]."""
    # 1. FLAME: global and neck still; jaw, left eye, right eye as axis-angle.
    axis_angles = np.vstack((np.zeros((2, 3)), p["jaw_pose"], p["eye_pose"].reshape(2, 3)))
    turns = Rotation.from_rotvec(axis_angles).as_matrix()
    shaped = combined(f.flame.v_template, f.flame.shapedirs, p["flame_shape"])
    shaped = combined(shaped, f.flame.exprdirs, p["flame_expression"])
    head, head_joints = skinned(
        shaped, f.flame.joint_regressor @ shaped, turns, HEAD_TREE, f.flame.weights,
        f.flame.posedirs,
    )  # fmt: skip
    # 2. Eyelids, after skinning. 3. Scale. The eyes that anchor the head are not scaled.
    head = head + p["eyelids"][0] * f.eyelids[0] + p["eyelids"][1] * f.eyelids[1]
    eyes = (head_joints[3] + head_joints[4]) / 2
    fixed = np.zeros(3) if scale_about == "origin" else eyes
    head = fixed + (head - fixed) * p["head_scale"]
    # 4. SMPL-X template and its joints, before anything is replaced. 5. Attach at the eyes.
    template = combined(f.smplx.v_template, f.smplx.shapedirs, p["betas"])
    template = combined(template, f.smplx.exprdirs, p["expression"])
    before = f.smplx.joint_regressor @ template
    head = head - eyes + (before[23] + before[24]) / 2
    # 6. Replace all but the union of neck and boundary.
    stays = set(f.masks["neck"].tolist()) | set(f.masks["boundary"].tolist())
    for i in range(len(head)):
        if i not in stays:
            template[f.vertex_ids[i]] = head[i]
    # 7. SMPL-X with joints of the replaced template; jaw and eyes are identity.
    rotations = np.concatenate(
        (p["rotations"][:22], np.tile(np.eye(3), (3, 1, 1)), p["rotations"][22:])
    )
    vertices, kinematic = skinned(
        template, f.smplx.joint_regressor @ template, rotations, BODY_TREE, f.smplx.weights,
        f.smplx.posedirs,
    )  # fmt: skip
    # 8. Points on the surface, then ten kinematic joints give way to the 14-joint regressor.
    relative = Rotation.identity()
    for joint in (3, 6, 9, 12, 15):
        relative = relative * Rotation.from_matrix(rotations[joint])
    yaw = round(float(np.clip(-relative.as_euler("ZYX", degrees=True)[1], -39, 39)))
    row = yaw if yaw >= 0 else 39 - yaw

    def on_face(face: int, weights: Array) -> Array:
        return weights @ vertices[f.smplx.faces[face]]

    static = map(on_face, f.smplx.static_faces, f.smplx.static_bary)
    contour = map(on_face, f.smplx.contour_faces[row], f.smplx.contour_bary[row])
    corners = zip(f.surface_triangles, f.surface_bary, strict=True)
    surface = [weights @ vertices[triangle] for triangle, weights in corners]
    assert f.j14 is not None
    regressed = dict(zip(LSP_AS_KINEMATIC, f.j14 @ vertices, strict=True))
    for joint in (4, 5, 12, 15, 16, 17, 18, 19, 20, 21):
        kinematic[joint] = regressed[joint]
    return vertices, np.vstack((kinematic, *static, *contour, *surface))


LSP_AS_KINEMATIC = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15)
"""Facts 10.3: right ankle, knee, hip, left hip, knee, ankle, right wrist, elbow, shoulder, left
shoulder, elbow, wrist, neck, head."""


def layer_norm(x: Array, w: dict[str, Array], name: str, eps: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x: Array, w: dict[str, Array], name: str) -> Array:
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def attended(q: Array, k: Array, v: Array, heads: int) -> Array:
    parts = [np.split(x, heads, axis=1) for x in (q, k, v)]
    width = parts[0][0].shape[1]
    return np.concatenate(
        [softmax(a @ b.T / np.sqrt(width), axis=1) @ c for a, b, c in zip(*parts, strict=True)], 1
    )


def mlp(x: Array, w: dict[str, Array], name: str) -> Array:
    hidden = linear(x, w, f"{name}.mlp1")
    return linear(hidden * 0.5 * (1 + erf(hidden / np.sqrt(2))), w, f"{name}.mlp2")


def network(square: Array, w: dict[str, Array], heads: int, decoder_heads: int) -> Array:
    """An RGB square [3, 256, 256] in [0, 1] -> [935]; facts 2, 3 and 16, one block and layer."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    strip = ((square - mean[:, None, None]) / std[:, None, None])[:, :, 32:224]
    padded = np.pad(strip, ((0, 0), (2, 2), (2, 2)))
    kernel, tokens = w["backbone.patches.weight"], []
    for row in range(16):
        for column in range(12):
            patch = padded[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            tokens.append((kernel * patch).sum(axis=(1, 2, 3)) + w["backbone.patches.bias"])
    positions = w["backbone.positions"][0]
    x = np.array(tokens) + positions[1:] + positions[0]
    y = layer_norm(x, w, "backbone.blocks.0.norm1", 1e-6)
    q, k, v = np.split(linear(y, w, "backbone.blocks.0.qkv"), 3, axis=1)
    x = x + linear(attended(q, k, v, heads), w, "backbone.blocks.0.out")
    x = x + mlp(layer_norm(x, w, "backbone.blocks.0.norm2", 1e-6), w, "backbone.blocks.0")
    image = layer_norm(x, w, "backbone.norm", 1e-6)
    # A zero scalar through a linear layer is that layer's bias.
    x = w["decoder.token.bias"][None] + w["decoder.position"][0]
    name = "decoder.layers.0"
    y = layer_norm(x, w, f"{name}.norm1", 1e-5)
    q, k, v = np.split(linear(y, w, f"{name}.self_qkv"), 3, axis=1)
    x = x + linear(attended(q, k, v, decoder_heads), w, f"{name}.self_out")
    q = linear(layer_norm(x, w, f"{name}.norm2", 1e-5), w, f"{name}.cross_q")
    k, v = np.split(linear(image, w, f"{name}.cross_kv"), 2, axis=1)
    x = x + linear(attended(q, k, v, decoder_heads), w, f"{name}.cross_out")
    x = x + mlp(layer_norm(x, w, f"{name}.norm3", 1e-5), w, name)
    order = (
        "pose", "scale", "shape", "expression", "flame_pose", "flame_shape", "flame_expression",
        "camera",
    )  # fmt: skip
    raw = [x[0] @ w[f"heads.heads.{head}.weight"].T for head in order]
    raw[-1] = raw[-1] + [0.0, 0.0, 1.5]
    return np.concatenate(raw)


def decode(raw: Array) -> tuple[dict[str, Array], Array]:
    """Facts 3.3: which numbers are what; Gram-Schmidt into columns."""
    turns = []
    for a1, a2 in raw[:312].reshape(52, 2, 3):
        b1 = a1 / np.linalg.norm(a1)
        b2 = a2 - (b1 @ a2) * b1
        b2 = b2 / np.linalg.norm(b2)
        turns.append(np.column_stack((b1, b2, np.cross(b1, b2))))
    face = raw[568:582]
    parts = {
        "rotations": np.array(turns), "hand_scale": raw[312:315], "head_scale": raw[315:318],
        "betas": raw[318:518], "expression": raw[518:568], "eye_pose": face[:6],
        "jaw_pose": face[9:12], "eyelids": face[12:], "flame_shape": raw[582:882],
        "flame_expression": raw[882:932],
    }  # fmt: skip
    return parts, raw[932:]


def projection(points: Array, camera: Array) -> Array:
    """Facts 4 in 4 x 4 matrices: diag(-1, -1, 1), (tx, ty, 24 / s), f = 24, x left and y up."""
    tx, ty, s = camera
    view = np.diag([-1.0, -1.0, 1.0, 1.0])
    view[:3, 3] = tx, ty, 24 / (s + 1e-9)
    lens = np.array([[24, 0, 0, 0], [0, 24, 0, 0], [0, 0, 0, 1], [0, 0, 1.0, 0]])
    clip = np.column_stack((points, np.ones(len(points)))) @ (lens @ view).T
    return 0.5 - 0.5 * clip[:, :2] / clip[:, 3:]


def dwpose(points: Array) -> Array:
    """Facts 5.6."""
    body = [68, 12, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 24, 23, 107, 122]
    feet = [124, 132, 127, 135, 143, 138]
    left = [20, 37, 38, 39, 133, 25, 26, 27, 128, 28, 29, 30, 129, 34, 35, 36, 131, 31, 32, 33, 130]
    right = [21, 52, 53, 54, 144, 40, 41, 42, 139, 43, 44, 45, 140, 49, 50, 51, 142, 46, 47, 48]
    order = [*body, *feet, *range(106, 123), *range(55, 106), *left, *right, 141]
    out = points[order]
    out[1, :2] = (out[2, :2] + out[5, :2]) / 2
    return out


def full(camera: Array, crop: Array, focal: float, size: tuple[int, int]) -> Array:
    """Facts 4, last formula; s with the camera definition's 1e-9."""
    (tx, ty, s), (cx, cy, side), (width, height) = camera, crop, size
    span = (s + 1e-9) * side
    return np.array(
        [-tx + 2 * (cx - width / 2) / span, -ty + 2 * (cy - height / 2) / span, 2 * focal / span]
    )
