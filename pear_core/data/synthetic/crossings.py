"""Two people who meet: short rendered scenes that a tracker finds hard, with exact truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core.data.synthetic import motions
from pear_core.data.synthetic.motions import Actor
from pear_core.data.synthetic.people import Identities, sample_person
from pear_core.data.synthetic.sequence import CameraPath, camera_path

FloatArray = NDArray[np.float64]

NAMES = ("crossing", "occlusion", "same_clothes", "turning_back", "panning", "hidden")
HEIGHT = 1.2
"""Of the camera above the floor, metres."""


@dataclass(frozen=True)
class Crossing:
    """times (T,) in seconds; the people and the camera, T frames each."""

    times: FloatArray
    actors: tuple[Actor, Actor]
    camera: CameraPath


def crossing(
    name: str, identities: Identities, seed: int, seconds: float = 4.0, rate: float = 30.0
) -> Crossing:
    """One scene of NAMES; people, clothes and small differences of the paths follow the seed.

    crossing: they pass each other at equal distance from the camera, stepping aside. occlusion: one
    passes behind somebody who stands and is hidden for half a second but for what shows between the
    other's legs. hidden: as occlusion, nearer and wider, so that nothing shows. same_clothes: as
    crossing, dressed alike. turning_back: they meet, overlap in the picture and go back. panning: as
    crossing, the camera turning with a swing of 25 degrees.
    """
    if name not in NAMES:
        raise ValueError(f"crossing: expected one of {', '.join(NAMES)}, found {name!r}")
    rng = np.random.default_rng([seed, NAMES.index(name)])
    times = np.arange(round(seconds * rate)) / rate
    first, second = (sample_person(rng, identities, upright=True) for _ in range(2))
    looks = [int(n) for n in 2 * rng.integers(1, 1000, 2) + [0, 1]]
    if name == "same_clothes":
        looks[1] = looks[0]
    depth, yaw = float(rng.uniform(3.0, 3.6)), np.zeros_like(times)
    start, end = np.array([depth, 1.5]), np.array([depth, -1.5])
    if name in ("occlusion", "hidden"):
        near, far, aside = (1.9, 3.6, 1.9) if name == "occlusion" else (1.5, 3.9, 2.3)
        stands = np.array([near, rng.uniform(-0.1, 0.1)])
        pose = motions.standing(times, float(rng.uniform(0, 6)))
        one = motions.actor(first, pose, stands, np.array(np.pi), looks[0])
        path = motions.crossing(times, np.array([far, aside]), np.array([far, -aside]))
        two = motions.walk(second, times, path, looks[1])
        return Crossing(times, (one, two), camera_path((0, 0, HEIGHT), frames=len(times)))
    if name == "turning_back":
        meet, behind = np.array([depth, 0.0]), np.array([depth + 0.35, 0.0])
        paths = (
            motions.there_and_back(times, start, meet),
            motions.there_and_back(times, end + [0.35, 0.0], behind),
        )
    else:
        paths = (motions.crossing(times, start, end), motions.crossing(times, end, start))
        for path, side in zip(paths, (-1, 1), strict=True):
            # They step aside where they meet, as people do.
            path[:, 0] += side * 0.22 * np.exp(-((path[:, 1] / 0.6) ** 2))
    if name == "panning":
        yaw = 0.22 * np.sin(2 * np.pi * times / seconds)
    actors = (
        motions.walk(first, times, paths[0], looks[0], phase=float(rng.random())),
        motions.walk(second, times, paths[1], looks[1], phase=float(rng.random())),
    )
    return Crossing(times, actors, camera_path((0, 0, HEIGHT), yaw=yaw, frames=len(times)))
