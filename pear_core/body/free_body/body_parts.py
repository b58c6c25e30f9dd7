"""Index arrays that name regions: FLAME masks, hands, body parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pear_core.body.free_body.skeleton import JOINT, subtree
from pear_core.body.free_body.source import Array, Index, Source

SEAM_RINGS = 2  # edge rings next to the cut that the `boundary` mask holds


def grow(seed: NDArray[np.bool_], faces: Index, rings: int) -> NDArray[np.bool_]:
    """Adds `rings` rings of neighbours to a vertex mask (V,)."""
    mask = seed.copy()
    for _ in range(rings):
        mask[faces[mask[faces].any(axis=1)]] = True
    return mask


def _corners(source: Source, *parts: str) -> NDArray[np.bool_]:
    mask = np.zeros(int(source.faces.max()) + 1, dtype=bool)
    for part in parts:
        mask[source.faces[source.parts[part]]] = True
    return mask


def mouth_line(source: Source) -> Index:
    """Body ids where the painted mouth cavity meets the skin: the inner rim of both lips."""
    return np.flatnonzero(_corners(source, "mouth_cavity") & _corners(source, "head"))


def eye_rim(source: Source, side: str) -> Index:
    """Body ids where a painted eye socket ("L" or "R") meets the skin: the rim of both lids."""
    return np.flatnonzero(_corners(source, f"eye_cavity.{side}") & _corners(source, "head"))


def rim_of_cut(source: Source) -> NDArray[np.bool_]:
    """(V,) mask of the ring where the painted head meets the body."""
    return _corners(source, "body") & _corners(source, "head")


def inner_surface(source: Source) -> NDArray[np.bool_]:
    """(V,) mask of sockets, mouth cavity and tongue."""
    return _corners(source, "mouth_cavity", "tongue", "eye_cavity.L", "eye_cavity.R")


def flame_masks(
    source: Source, ids: Index, faces: Index, weights: Array, head: Array
) -> dict[str, Index]:
    """FLAME-style regions as ids into the head.

    Args:
        ids: (Vf,) body ids of the head. faces: (Ff, 3) of the head. weights: (V, 55).
        head: (Vf, 3) head template, metres, origin between the eyes.

    Returns:
        name -> ascending ids. `neck` and `boundary` together keep their body positions when the
        head is put on the body; they are disjoint.
    """
    x, y, z = head.T * 1000
    w = weights[ids]
    cut = rim_of_cut(source)[ids]
    skin = _corners(source, "head")[ids]
    outer = skin & ~inner_surface(source)[ids]
    boundary = grow(cut, faces, SEAM_RINGS)
    neck = (w[:, JOINT["neck"]] + w[:, : JOINT["neck"]].sum(1) >= 0.5) & ~boundary
    ball = {s: w[:, JOINT[f"{s}_eye_smplhf"]] > 0.5 for s in ("left", "right")}

    def near(seed: Index, rings: int) -> NDArray[np.bool_]:
        return grow(np.isin(ids, seed), faces, rings) & skin

    ears = {s: outer & (sign * x > 66) & (z > -110) & (z < -60) & (y > -53) & (y < 10)
            for s, sign in (("left", 1), ("right", -1))}  # fmt: skip
    ear = ears["left"] | ears["right"]
    bow = (x / 26) ** 2  # the borders of the lips meet in the corners
    lips = near(mouth_line(source), 10) & (y > -82.5 + 9 * bow) & (y < -63 - 7 * bow) & (bow < 1)
    nose = outer & (np.abs(x) < 20) & (y < -4) & (y > -53) & (z > 5) & (np.abs(x) < 6 - 0.45 * y)
    sockets = {s: near(eye_rim(source, t), 6) | _corners(source, f"eye_cavity.{t}")[ids]
               for s, t in (("left", "L"), ("right", "R"))}  # fmt: skip
    front = outer & ~neck & ~boundary & ~ear
    # The hair line runs over the forehead and down in front of the ears.
    hair_line = np.where(z > -45, 62.0, np.where(z > -75, 20.0, -62.0))
    scalp = front & (y > hair_line)
    forehead = front & ~scalp & (y > 20)
    face = front & ~scalp & ~forehead & (y > -118) & (z > -66)
    masks = {
        "face": face | lips | nose | sockets["left"] | sockets["right"],
        "neck": neck, "boundary": boundary, "lips": lips, "nose": nose, "scalp": scalp,
        "forehead": forehead, "ears": ear, "left_ear": ears["left"], "right_ear": ears["right"],
        "eye_region": sockets["left"] | sockets["right"], "left_eye_region": sockets["left"],
        "right_eye_region": sockets["right"], "left_eyeball": ball["left"],
        "right_eyeball": ball["right"],
        "mouth_cavity": _corners(source, "mouth_cavity", "tongue")[ids] & ~skin,
    }  # fmt: skip
    return {name: np.flatnonzero(mask) for name, mask in masks.items()}


def hands(source: Source) -> dict[str, Index]:
    """left_hand, right_hand: ascending body ids of the painted hands (wrist rim included)."""
    return {name: np.flatnonzero(_corners(source, part))
            for name, part in (("left_hand", "hand.L"), ("right_hand", "hand.R"))}  # fmt: skip


def body_parts(source: Source, weights: Array, head: Index) -> dict[str, Index]:
    """Disjoint parts that cover the body, and the joint that dominates each vertex.

    Returns:
        `dominant_joint` (V,), and one ascending id array per part: head, neck, eyes, mouth_cavity,
        torso, left_/right_ upper_arm, forearm, hand, thigh, calf, foot.
    """
    dominant = weights.argmax(axis=1)
    own: dict[str, NDArray[np.bool_]] = {}
    hand = hands(source)
    is_head = np.isin(np.arange(len(weights)), head)
    own["eyes"] = (dominant == JOINT["left_eye_smplhf"]) | (dominant == JOINT["right_eye_smplhf"])
    own["mouth_cavity"] = _corners(source, "mouth_cavity", "tongue") & ~_corners(source, "head")
    own["neck"] = is_head & (dominant != JOINT["head"]) & (dominant != JOINT["jaw"])
    own["head"] = is_head
    for side in ("left", "right"):
        own[f"{side}_hand"] = np.isin(np.arange(len(weights)), hand[f"{side}_hand"])
        own[f"{side}_foot"] = subtree(JOINT[f"{side}_ankle"])[dominant]
        own[f"{side}_calf"] = dominant == JOINT[f"{side}_knee"]
        own[f"{side}_thigh"] = dominant == JOINT[f"{side}_hip"]
        own[f"{side}_forearm"] = subtree(JOINT[f"{side}_elbow"])[dominant]
        own[f"{side}_upper_arm"] = dominant == JOINT[f"{side}_shoulder"]
    own["torso"] = np.ones(len(weights), dtype=bool)
    taken = np.zeros(len(weights), dtype=bool)
    parts: dict[str, Index] = {"dominant_joint": dominant}
    for name, mask in own.items():
        parts[name] = np.flatnonzero(mask & ~taken)
        taken |= mask
    return parts
