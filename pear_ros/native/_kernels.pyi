from typing import Any

REVISION: int

def quaternions(matrices: Any, out: Any, /) -> None: ...
def axis_angles(matrices: Any, out: Any, /) -> None: ...
def place(
    joints: Any, keypoints: Any, confidence: Any, votes: Any, start: Any, relative: Any, rules: Any, transl: Any,
    sigma: Any, residual: Any, /,
) -> None: ...  # fmt: skip
def smooth(
    old: Any, now: Any, states: Any, seconds: Any, found: Any, deep: Any, confidence: Any, moved: Any, factors: Any,
    rules: Any, rotations: Any, faces: Any, shapes: Any, small: Any, transl: Any, reference: Any, out_rotations: Any,
    out_small: Any, out_numbers: Any, out_places: Any, /,
) -> None: ...  # fmt: skip
def axes(
    rotations: Any, joints: Any, eyes: Any, which: Any, poses: Any, towards: Any, /
) -> None: ...
def sample(
    joints: Any, weights: Any, region: Any, image: Any, keypoints: Any, pixels: Any, inside: Any, /
) -> None: ...
def histograms(
    joints: Any, weights: Any, region: Any, pixels: Any, inside: Any, shares: Any, out: Any, regions: int, /
) -> None: ...  # fmt: skip
def confidence(
    in_crop: Any, pixels: Any, scores: Any, out: Any, width: float, height: float, /
) -> None: ...
def spans(points: Any, out: Any, /) -> None: ...
def turned(
    turns: Any, rotations: Any, joints: Any, out_rotations: Any, out_joints: Any, /
) -> None: ...
def matrices_of_6d(vectors: Any, out: Any, /) -> None: ...
def matrices_of_axis_angles(vectors: Any, out: Any, /) -> None: ...
def chain(parents: Any, rotations: Any, rest: Any, world: Any, posed: Any, /) -> None: ...
def skin(
    starts: Any, joints: Any, weights: Any, world: Any, rest: Any, posed: Any, points: Any, out: Any, /
) -> None: ...
