"""`smplx_extra_joints.yaml`: the 22 surface joints, read without a YAML library.

The file maps a name to `face` (a triangle of SMPL-X) and `bc` (three barycentric weights), in
block or flow style. Anything else that YAML could say (tags, anchors, documents) is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pear_core.anatomy import SURFACE_JOINTS

_TOKEN = re.compile(
    r"\s+|#[^\n]*|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<word>[A-Za-z_]\w*|'\w+'|\"\w+\")\s*:|-(?=\s)|[\[\]{},]"
)
_SIDES = {"l_": "left_", "r_": "right_"}
MAX_LENGTH = 1 << 16


@dataclass(frozen=True)
class SurfaceJoint:
    """A point on triangle `face` with weights `bary` of its three corners."""

    face: int
    bary: tuple[float, float, float]


def parse(text: str) -> dict[str, SurfaceJoint]:
    """Joints by name (left_..., right_... also where the file says l_..., r_...), in the order of
    anatomy.SURFACE_JOINTS.

    Raises ValueError naming the line, the joint, or the names that are missing.
    """
    found: dict[str, dict[str, list[float]]] = {}
    numbers: list[float] | None = None
    joint: dict[str, list[float]] | None = None
    for line, token in _tokens(text):
        if token.group("word"):
            word = token.group("word").strip("'\"")
            if word in ("face", "bc"):
                if joint is None or word in joint:
                    raise ValueError(f"line {line}: '{word}' that belongs to no joint")
                numbers = joint[word] = []
            else:
                name = _SIDES.get(word[:2], word[:2]) + word[2:]
                if name in found:
                    raise ValueError(f"line {line}: joint '{word}' a second time")
                joint, numbers = found.setdefault(name, {}), None
        elif token.group("number"):
            if numbers is None:
                raise ValueError(f"line {line}: a number that belongs to nothing")
            numbers.append(float(token.group("number")))
    missing = [name for name in SURFACE_JOINTS if name not in found]
    if missing:
        raise ValueError(
            f"joints {', '.join(missing)} are missing; found {', '.join(found) or 'none'}"
        )
    return {name: _joint(name, found[name]) for name in SURFACE_JOINTS}


def _tokens(text: str) -> list[tuple[int, re.Match[str]]]:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters")
    tokens, at, line = [], 0, 1
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"line {line}: cannot read {text[at : at + 20]!r}")
        tokens.append((line, token))
        line += token.group().count("\n")
        at = token.end()
    return tokens


def _joint(name: str, parts: dict[str, list[float]]) -> SurfaceJoint:
    face, bary = parts.get("face", []), parts.get("bc", [])
    if len(face) != 1 or not face[0].is_integer() or len(bary) != 3:
        raise ValueError(
            f"joint '{name}': expected one whole 'face' and three numbers 'bc', "
            f"found {face} and {bary}"
        )
    if abs(sum(bary) - 1) > 1e-3:
        raise ValueError(f"joint '{name}': weights that sum to one expected, found {bary}")
    return SurfaceJoint(int(face[0]), (bary[0], bary[1], bary[2]))
