"""Simple motions of a person on a floor: standing, walking a path, waving, jumping, sitting down.

Poses are axis-angles (T, 52, 3) in the order of `layout` (root, body, hands) for a body that stands
y-up and looks along its own z; the root holds only what the motion turns (a lean, a turn on the
spot). `actor` puts them into a world with z up, x and y on the floor, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core import layout
from pear_core.anatomy import BODY_JOINTS

FloatArray = NDArray[np.float64]

STRIDE = 1.35
"""Metres per gait cycle (two steps)."""
UPRIGHT = Rotation.from_matrix([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Turns a y-up body that looks along z into a z-up world, looking along x, its left along y."""
_J = {name: i for i, name in enumerate(BODY_JOINTS)}


@dataclass(frozen=True)
class Actor:
    """One person over T frames.

    people: T parameter sets as of `people.sample_person`; rotations[0] turns the y-up body into the
    z-up world. floor (T, 2): metres, the point of the floor below the pelvis. lift (T,): metres
    between the floor and the lowest joint. look: seed of the outfit.
    """

    people: list[dict[str, FloatArray]]
    floor: FloatArray
    lift: FloatArray
    look: int


def actor(
    identity: dict[str, FloatArray],
    pose: FloatArray,
    floor: FloatArray,
    heading: FloatArray,
    look: int,
    lift: FloatArray | None = None,
) -> Actor:
    """A person of one identity (`people.sample_person`, whose body pose is replaced) in motion.

    pose (T, 52, 3); floor (T, 2) metres; heading (T,) radians, 0 looks along the world's x, pi / 2
    along y; lift (T,) metres, 0 by default.
    """
    frames = len(pose)
    turn = Rotation.from_euler("z", np.broadcast_to(heading, frames)[:, None])
    rotations = pose.copy()
    rotations[:, 0] = (turn * UPRIGHT * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    # The hands stay as the identity has them, so that they are relaxed and not flat.
    rotations[:, 22:] = np.where(pose[:, 22:] == 0.0, identity["rotations"][22:], pose[:, 22:])
    people = [
        {name: (rotations[t] if name == "rotations" else value) for name, value in identity.items()}
        for t in range(frames)
    ]
    height = np.zeros(frames) if lift is None else np.asarray(lift, dtype=np.float64)
    return Actor(people, np.broadcast_to(floor, (frames, 2)).astype(np.float64), height, look)


def standing(times: FloatArray, phase: float = 0.0) -> FloatArray:
    """Arms hanging, weight shifting a little; times (T,) in seconds."""
    pose = np.zeros((len(times), layout.NUM_ROTATIONS, 3))
    sway = np.sin(2 * np.pi * 0.25 * times + phase)
    pose[:, _J["spine1"], 2] = 0.03 * sway
    pose[:, _J["spine2"], 0] = 0.03
    pose[:, _J["neck"], 1] = 0.12 * np.sin(2 * np.pi * 0.13 * times + 2 * phase)
    _arms(pose, np.zeros_like(times), np.full_like(times, 0.25))
    return pose


def walking(phase: FloatArray, strength: FloatArray | float = 1.0) -> FloatArray:
    """A gait at phases (T,) in cycles; strength 1 is a brisk walk, 0 standing."""
    size = np.broadcast_to(np.asarray(strength, dtype=np.float64), phase.shape)
    turn = 2 * np.pi * phase
    pose = standing(np.zeros_like(phase))
    for side, shift in (("left", 0.0), ("right", np.pi)):
        swing = np.sin(turn + shift)
        # The knee bends most while its leg swings forward.
        knee = 0.12 + 0.85 * np.clip(np.sin(turn + shift - 0.9 + np.pi / 2), 0, None) ** 2
        pose[:, _J[f"{side}_hip"], 0] = -size * (0.45 * swing + 0.1)
        pose[:, _J[f"{side}_knee"], 0] = size * knee
        pose[:, _J[f"{side}_ankle"], 0] = -0.25 * size * np.sin(turn + shift + 0.6)
    pose[:, _J["spine1"], 1] = 0.08 * size * np.sin(turn)
    pose[:, _J["spine3"], 1] = -0.14 * size * np.sin(turn)
    pose[:, _J["spine2"], 0] = 0.05
    _arms(pose, 0.5 * size * np.sin(turn + np.pi), 0.25 + 0.35 * size)
    return pose


def walk(
    identity: dict[str, FloatArray], times: FloatArray, floor: FloatArray, look: int,
    facing: float | None = None, phase: float = 0.0,
) -> Actor:  # fmt: skip
    """A person who walks a path: floor (T, 2) in metres at times (T,) in seconds.

    The gait follows the distance travelled and the body looks where it goes; where it hardly moves
    it keeps its heading (at first: facing).
    """
    velocity = np.gradient(floor, times, axis=0)
    speed = np.linalg.norm(velocity, axis=1)
    heading = np.arctan2(velocity[:, 1], velocity[:, 0])
    moving = speed > 0.25
    if not moving.any():
        heading[:] = facing or 0.0
    else:
        # Headings between two walks are turned through, those before and after are held.
        known = np.unwrap(heading[moving])
        heading = np.interp(times, times[moving], known)
        if facing is not None and not moving[0]:
            heading[: int(np.flatnonzero(moving)[0])] = facing
    heading = _smooth(heading, times, 0.12)
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(floor, axis=0), axis=1))])
    strength = _smooth(np.clip(speed / 1.1, 0.0, 1.2), times, 0.12)
    return actor(identity, walking(travelled / STRIDE + phase, strength), floor, heading, look)


def waving(times: FloatArray, hertz: float) -> FloatArray:
    """Standing with the right hand raised, its forearm swinging hertz times a second."""
    pose = standing(times)
    pose[:, _J["right_shoulder"]] = (0.0, 0.0, -0.15)
    swing = np.sin(2 * np.pi * hertz * times)
    forearm = Rotation.from_euler("z", (-1.35 + 0.45 * swing)[:, None])
    pose[:, _J["right_elbow"]] = forearm.as_rotvec()
    return pose


def jumping(times: FloatArray, start: float) -> tuple[FloatArray, FloatArray]:
    """A jump that begins at start (seconds): crouch, flight of 0.45 s, landing; pose and lift."""
    pose = standing(times)
    since = times - start
    crouch = 0.9 * np.exp(-(((since - 0.3) / 0.13) ** 2)) + 0.7 * np.exp(
        -(((since - 0.98) / 0.13) ** 2)
    )
    _squat(pose, crouch)
    flight = since - 0.45
    lift = np.where((flight > 0) & (flight < 0.45), 0.5 * 9.81 * flight * (0.45 - flight), 0.0)
    raised = np.exp(-(((since - 0.65) / 0.25) ** 2))
    _arms(pose, -1.6 * raised, 0.25 + 0.2 * raised)
    return pose, lift


def sitting(times: FloatArray, start: float, seconds: float = 1.0) -> FloatArray:
    """Standing, then sitting down from start on; lift stays 0 (the seat is not drawn)."""
    pose = standing(times)
    part = np.clip((times - start) / seconds, 0, 1)
    _squat(pose, 1.45 * part * part * (3 - 2 * part))
    return pose


def crossing(
    times: FloatArray, start: FloatArray, end: FloatArray, begin: float = 0.0, pause: float = 0.0
) -> FloatArray:
    """Floor path (T, 2) from start to end at constant speed, begun and ended softly."""
    length = times[-1] - begin - pause
    part = np.clip((times - begin) / length, 0, 1)
    soft = part * part * (3 - 2 * part)
    part = 0.5 * (part + soft)
    return np.asarray(start) + part[:, None] * (np.asarray(end) - np.asarray(start))


def there_and_back(
    times: FloatArray, start: FloatArray, turn: FloatArray, pause: float = 0.4
) -> FloatArray:
    """Floor path (T, 2) from start to the turning point and back."""
    half = (times[-1] - pause) / 2
    out = np.clip(times / half, 0, 1) - np.clip((times - half - pause) / half, 0, 1)
    soft = _smooth(out, times, 0.12)
    return np.asarray(start) + soft[:, None] * (np.asarray(turn) - np.asarray(start))


def _arms(pose: FloatArray, swing: FloatArray, bend: FloatArray) -> None:
    """Hanging arms: swing (T,) forward of the left and back of the right, elbows bent (T,)."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        down = Rotation.from_euler("z", -sign * 1.25)
        forward = Rotation.from_euler("x", (-sign * swing)[:, None])
        pose[:, _J[f"{side}_shoulder"]] = (forward * down).as_rotvec()
        pose[:, _J[f"{side}_elbow"], 1] = -sign * bend


def _squat(pose: FloatArray, depth: FloatArray) -> None:
    for side in ("left", "right"):
        pose[:, _J[f"{side}_hip"], 0] = -depth
        pose[:, _J[f"{side}_knee"], 0] = 1.1 * depth
        pose[:, _J[f"{side}_ankle"], 0] = -0.3 * depth
    pose[:, _J["spine1"], 0] = 0.25 * depth


def _smooth(values: FloatArray, times: FloatArray, sigma: float) -> FloatArray:
    """Gaussian mean over time, sigma in seconds."""
    weights = np.exp(-0.5 * ((times[:, None] - times[None]) / sigma) ** 2)
    return np.asarray(weights @ values / weights.sum(axis=1))
