"""What a person looks like: skin, face, hair and clothes, as colours and thicknesses over the
template.

Everything is a function of the canonical point (template position in the T-pose), so hems,
necklines and patterns are sharp in the picture whatever the mesh's resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core.data.synthetic.canvas import Canvas, Part
from pear_core.data.synthetic.textures import Pattern, random_colour, random_pattern, waves

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_TONES = np.array(
    [[0.96, 0.80, 0.70], [0.90, 0.70, 0.57], [0.80, 0.60, 0.46], [0.62, 0.43, 0.30], [0.45, 0.29,
     0.20], [0.28, 0.18, 0.13]]
)  # fmt: skip
_HAIR = np.array(
    [[0.06, 0.05, 0.05], [0.14, 0.09, 0.06], [0.28, 0.17, 0.10], [0.45, 0.29, 0.15], [0.75, 0.60,
     0.36], [0.55, 0.25, 0.12], [0.62, 0.61, 0.60], [0.88, 0.87, 0.85]]
)  # fmt: skip


@dataclass(frozen=True)
class Outfit:
    """One person's looks; lengths in metres of the template.

    hairline: larger recedes, above 2 is bald. Patterns colour points; see `paint` for the order.
    """

    skin: FloatArray
    hair: FloatArray
    lips: FloatArray
    iris: FloatArray
    hairline: float
    hair_length: float
    beard: float
    top: Pattern
    inner: Pattern
    bottom: Pattern
    shoes: Pattern
    gloves: Pattern | None
    print_: Pattern | None
    print_box: tuple[float, float, float, float]
    waist: float
    sleeve: float
    hem: float
    shoe_top: float
    neckline: float
    v_neck: float
    open_front: float
    thickness: tuple[float, float]
    seed: int


def sample_outfit(rng: np.random.Generator, canvas: Canvas) -> Outfit:
    """Draws looks from wide, mostly independent choices."""
    tone = rng.uniform(0, len(_TONES) - 1)
    low = int(tone)
    skin = _TONES[low] + (tone - low) * (_TONES[min(low + 1, len(_TONES) - 1)] - _TONES[low])
    skin = np.clip(skin * (1 + rng.normal(0, 0.05)) + rng.normal(0, 0.015, 3), 0.05, 1)
    hair = (
        random_colour(rng)
        if rng.random() < 0.05
        else _HAIR[rng.choice(8, p=[0.2, 0.2, 0.18, 0.12, 0.1, 0.05, 0.1, 0.05])]
    )
    suit = rng.random() < 0.1
    top = random_pattern(rng, plain=0.55)
    bottom = top if suit or rng.random() < 0.08 else random_pattern(rng, plain=0.8)
    shoulder, elbow, wrist = (
        abs(float(canvas.joint(f"left_{n}")[0])) for n in ("shoulder", "elbow", "wrist")
    )
    sleeve = float(rng.choice([shoulder + 0.02, 0.5 * (shoulder + elbow), elbow + 0.05, wrist -
                              0.01], p=[0.12, 0.3, 0.08, 0.5]) + rng.normal(0, 0.02))  # fmt: skip
    hip, knee, ankle = (float(canvas.joint(f"left_{n}")[1]) for n in ("hip", "knee", "ankle"))
    hem = float(
        rng.choice([0.6 * hip + 0.4 * knee, knee + 0.02, ankle + 0.05], p=[0.15, 0.15, 0.7])
    )
    spine = float(canvas.joint("spine1")[1])
    thick = (rng.uniform(0.012, 0.04),) * 2 if suit else tuple(rng.gamma(2.0, 0.005, 2))
    chest = float(canvas.joint("spine3")[1])
    return Outfit(
        skin=skin.astype(np.float32),
        hair=np.clip(hair * np.exp(rng.normal(0, 0.2)), 0, 1).astype(np.float32),
        lips=np.clip(skin * [1.0, 0.72, 0.72] * rng.uniform(0.75, 1.05), 0, 1).astype(np.float32),
        iris=np.array([[0.2, 0.12, 0.06], [0.3, 0.4, 0.5], [0.25, 0.33, 0.2]],
        np.float32)[rng.choice(3, p=[0.65, 0.2, 0.15])], hairline=3.0 if rng.random() < 0.07 else
        float(np.clip(rng.normal(0.58, 0.12), 0.3, 0.95)), hair_length=float(rng.gamma(2.0, 0.008)),
        beard=float(rng.uniform(0.3, 1.0)) if rng.random() < 0.2 else 0.0,
        top=top,
        inner=random_pattern(rng, plain=0.8),
        bottom=bottom,
        shoes=random_pattern(rng, plain=0.9),
        gloves=top if suit and rng.random() < 0.6 else (random_pattern(rng, 0.9) if rng.random() <
        0.05 else None), print_=random_pattern(rng, plain=0.3) if rng.random() < 0.3 else None,
        print_box=(rng.normal(0, 0.05), chest + rng.normal(0, 0.06), rng.uniform(0.02, 0.12),
        rng.uniform(0.02, 0.1)), waist=float(spine + rng.normal(-0.03, 0.04)),
        sleeve=wrist if suit else sleeve,
        hem=ankle + 0.03 if suit else hem,
        shoe_top=float(ankle + rng.choice([0.0, 0.05, 0.2], p=[0.6, 0.3, 0.1])),
        neckline=float(rng.choice([0.055, 0.085, 0.13], p=[0.45, 0.4, 0.15])),
        v_neck=float(rng.uniform(0.05, 0.2)) if rng.random() < 0.25 else 0.0,
        open_front=float(rng.uniform(0.02, 0.08)) if rng.random() < 0.22 else 0.0,
        thickness=(float(thick[0]), float(thick[1])),
        seed=int(rng.integers(2**31)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Wear:
    """Which points (P,) are covered by what."""

    top: BoolArray
    bottom: BoolArray
    shoes: BoolArray
    gloves: BoolArray
    hair: FloatArray
    """Above 0 inside the hair, rising away from the hairline."""


def _wear(outfit: Outfit, canvas: Canvas, points: FloatArray, part: NDArray[np.int8]) -> _Wear:
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    trunk = (part == Part.TORSO) | (part == Part.ARM) | (part == Part.HAND)
    neck = canvas.joint("neck")
    from_neck = np.sqrt(x**2 + (y - neck[1]) ** 2 + (z - neck[2]) ** 2)
    bare = from_neck < outfit.neckline
    if outfit.v_neck > 0:
        bare |= (z > neck[2]) & (x < 0.4 * (y - (neck[1] - outfit.v_neck)))
    top = trunk & (y > outfit.waist) & (x < outfit.sleeve) & ~bare
    low = (part == Part.TORSO) | (part == Part.LEG) | (part == Part.FOOT)
    bottom = low & (y <= outfit.waist) & (y > outfit.hem)
    shoes = ((part == Part.FOOT) | (part == Part.LEG)) & (y < outfit.shoe_top) & ~bottom
    gloves = (part == Part.HAND) if outfit.gloves is not None else np.zeros_like(top)
    return _Wear(top, bottom, shoes, gloves & ~top, _hair_field(outfit, canvas, points, part))


def _hair_field(
    outfit: Outfit, canvas: Canvas, points: FloatArray, part: NDArray[np.int8]
) -> FloatArray:
    eye = (canvas.joint("left_eye_smplhf") + canvas.joint("right_eye_smplhf")) / 2
    head = canvas.joint("head")
    up = (points[:, 1] - eye[1]) / (canvas.top - eye[1])
    depth = max(float(eye[2] - head[2]), 0.03)
    back = (eye[2] - points[:, 2]) / (2.2 * depth + 0.03)
    wiggle = waves(np.random.default_rng(outfit.seed), 0.05, 4)
    field = up + np.clip(back, -0.1, 1) - outfit.hairline
    near = np.flatnonzero((part == Part.HEAD) & (np.abs(field) < 0.2))
    field[near] += 0.05 * wiggle(points[near])
    return np.asarray(np.where(part == Part.HEAD, field, -1), dtype=np.float32)


def thickness(outfit: Outfit, canvas: Canvas) -> FloatArray:
    """Metres (V,) that clothes and hair stand off the skin of each template vertex."""
    rng = np.random.default_rng([outfit.seed, 1])
    wear = _wear(outfit, canvas, canvas.points, canvas.part)
    folds = waves(rng, 0.12, 5)(canvas.points)
    loose = np.clip(1 + 0.5 * folds, 0.1, 2.5)
    out = np.zeros(len(canvas.points), dtype=np.float32)
    out[wear.top] = outfit.thickness[0] * loose[wear.top]
    out[wear.bottom] = outfit.thickness[1] * loose[wear.bottom]
    out[wear.shoes] = 0.006
    out[wear.gloves] = min(outfit.thickness[0], 0.006)
    tuft = np.clip(1 + 0.4 * waves(rng, 0.08, 4)(canvas.points), 0.2, 2)
    out += (outfit.hair_length * tuft + 0.004) * np.clip(wear.hair * 4, 0, 1)
    return out


def paint(outfit: Outfit, canvas: Canvas, points: FloatArray, part: NDArray[np.int8]) -> FloatArray:
    """Colours (P, 3) of canonical points (P, 3) on given parts (P,), before light."""
    wear = _wear(outfit, canvas, points, part)
    mottle = waves(np.random.default_rng([outfit.seed, 2]), 0.1, 4)(points)
    out = (outfit.skin * (1 + 0.03 * mottle[:, None])).astype(np.float32)
    _face(outfit, canvas, points, part, out)
    hair = wear.hair > 0
    if hair.any():
        strands = np.sin(points[hair, 0] * 900 + 5 * np.sin(points[hair, 1] * 60 + outfit.seed % 7))
        out[hair] = outfit.hair * (1 + 0.08 * strands[:, None])
    top = wear.top.copy()
    if outfit.open_front > 0:
        inside = (
            top
            & (points[:, 2] > canvas.joint("spine3")[2])
            & (np.abs(points[:, 0]) < outfit.open_front)
        )
        out[inside] = outfit.inner(points[inside])
        top &= ~inside
    out[top] = outfit.top(points[top])
    if outfit.print_ is not None:
        cx, cy, w, h = outfit.print_box
        logo = (
            top
            & (points[:, 2] > 0)
            & (np.abs(points[:, 0] - cx) < w)
            & (np.abs(points[:, 1] - cy) < h)
        )
        out[logo] = outfit.print_(points[logo])
    out[wear.bottom] = outfit.bottom(points[wear.bottom])
    out[wear.shoes] = outfit.shoes(points[wear.shoes])
    if outfit.gloves is not None:
        out[wear.gloves] = outfit.gloves(points[wear.gloves])
    return np.clip(out, 0, 1)


def _face(
    outfit: Outfit, canvas: Canvas, points: FloatArray, part: NDArray[np.int8], out: FloatArray
) -> None:
    eyes = part == Part.EYE
    if eyes.any():
        colours = np.full((int(eyes.sum()), 3), 0.92, np.float32)
        for side in ("left", "right"):
            centre = canvas.joint(f"{side}_eye_smplhf")
            local = points[eyes] - centre
            off = np.hypot(local[:, 0], local[:, 1])
            front = (local[:, 2] > 0) & (off < 0.03)
            colours[front & (off < 0.0062)] = outfit.iris
            colours[front & (off < 0.0028)] = 0.03
        out[eyes] = colours
    out[part == Part.LIPS] = outfit.lips
    head = part == Part.HEAD
    if not head.any():
        return
    eye = (canvas.joint("left_eye_smplhf") + canvas.joint("right_eye_smplhf")) / 2
    spread = abs(float(canvas.joint("left_eye_smplhf")[0]))
    x, y, z = np.abs(points[:, 0]), points[:, 1] - eye[1], points[:, 2] - eye[2]
    arch = 0.019 - 6.0 * (x - 1.1 * spread) ** 2
    brow = (
        head & (np.abs(y - arch) < 0.0035) & (x > 0.3 * spread) & (x < 1.75 * spread) & (z > -0.03)
    )
    out[brow] = 0.35 * out[brow] + 0.65 * outfit.hair
    if outfit.beard > 0:
        chin = head & (y < -0.055) & (z > -0.09)
        out[chin] = (1 - 0.7 * outfit.beard) * out[chin] + 0.7 * outfit.beard * outfit.hair
