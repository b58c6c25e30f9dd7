"""Rendered people in motion, as the shipped model sees them, for smoothing.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.data.synthetic import motions
from pear_core.data.synthetic.motions import Actor
from pear_core.data.synthetic.people import sample_person
from pear_core.data.synthetic.sequence import CameraPath, Pinhole, Stage, camera_path
from pear_ros.assets import find
from pear_ros.engine import Engine
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.pipeline import Pipeline
from pear_ros.replay.reader import frames
from pear_ros.types import Frame, Human, Intrinsics, Parameters

FPS, FRAMES = 30, 120
CAMERA = Pinhole()
K = Intrinsics(CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, CAMERA.width, CAMERA.height)
NAMES = tuple(Parameters.__dataclass_fields__)
PAN = "pan"
"""The motion that is filmed by a moving camera; judged by itself, in the world."""
Arrays = dict[str, NDArray[Any]]


def actors(stage: Stage, seed: int) -> dict[str, Actor]:
    """The motions, each by another person."""
    rng = np.random.default_rng(seed)
    t = np.arange(FRAMES) / FPS
    spot, facing = np.tile([3.0, 0.1], (FRAMES, 1)), np.full(FRAMES, np.pi)

    def who() -> Any:
        return sample_person(rng, stage.identities, upright=True)

    jump, lift = motions.jumping(t, 1.5)
    poses = {
        "wave1": motions.waving(t, 1.0), "wave2": motions.waving(t, 2.0), "jump": jump,
        "sit": motions.sitting(t, 1.2), "turn": motions.standing(t),
    }  # fmt: skip
    found = {
        name: motions.actor(
            who(), pose, spot,
            np.pi + np.linspace(-1.2, 1.2, FRAMES) if name == "turn" else facing,
            look=seed + i, lift=lift if name == "jump" else None,
        )
        for i, (name, pose) in enumerate(poses.items())
    }  # fmt: skip
    for i, (name, start, end) in enumerate(
        (("walk", (3.2, -1.3), (3.2, 1.3)), ("come", (5.5, 0.5), (2.6, 0.0)))
    ):
        path = motions.crossing(t, np.array(start), np.array(end))
        found[name] = motions.walk(who(), t, path, look=seed + 5 + i)
    found["stand"] = motions.actor(who(), motions.standing(t), spot, facing, look=seed + 7)
    close = spot - np.array([1.5, 0.0])
    found["near"] = motions.actor(who(), motions.waving(t, 1.0), close, facing, look=seed + 8)
    found[PAN] = motions.actor(who(), motions.waving(t, 1.0), spot, facing, look=seed + 9)
    return found


def camera(name: str) -> CameraPath:
    """Standing, or shaken by a robot that drives and looks around."""
    if name != PAN:
        return camera_path((0, 0, 1.2), frames=FRAMES)
    t = np.arange(FRAMES) / FPS
    place = np.stack([0.15 * t, 0.2 * np.sin(2 * np.pi * 0.3 * t), np.full(FRAMES, 1.2)], axis=1)
    yaw, roll = 0.3 * np.sin(2 * np.pi * 0.5 * t), 0.06 * np.sin(2 * np.pi * 0.8 * t)
    return camera_path(place, yaw=yaw, roll=roll, frames=FRAMES)


Row = tuple[float, Human, NDArray[Any], NDArray[Any], NDArray[Any]]
"""Seconds, who was found, true joints, where the camera was."""


def rendered(engine: Engine, stage: Stage, actor: Actor, path: CameraPath) -> Iterator[Row]:
    pipeline = Pipeline(engine, open_detector("auto"))
    for i, shot in enumerate(stage.shoot([actor], CAMERA, path)):
        people = pipeline.process(Frame(shot.image, 10**9 + i * 10**9 // FPS, "camera", K)).humans
        if people:
            best = max(people, key=lambda h: h.box.y1 - h.box.y0)
            yield i / FPS, best, shot.joints[0], shot.rotation, shot.translation


def recorded(engine: Engine) -> Iterator[Row]:
    """The demo's sequence."""
    from rosbags.highlevel import AnyReader

    bag = find("demo") / "rendered.mcap"
    with AnyReader([bag]) as reader:
        truth = [
            np.asarray(reader.deserialize(raw, c.msgtype).humans[0].joints).reshape(-1, 3)  # type: ignore[attr-defined]
            for c, _, raw in reader.messages()
            if c.topic.startswith("/ground_truth")
        ]
    pipeline = Pipeline(engine, open_detector("auto"))
    for i, (frame, joints) in enumerate(zip(frames(bag), truth, strict=True)):
        yield i / FPS, pipeline.process(frame).humans[0], joints, np.eye(3), np.zeros(3)


def regressed(source: Iterator[Row]) -> Arrays:
    """What the pipeline says of a sequence, and the truth."""
    times, found, truth, rotation, translation = zip(*source, strict=True)
    arrays: Arrays = {
        f"raw_{name}": np.stack([getattr(h.parameters, name)[0] for h in found]) for name in NAMES
    }
    return arrays | {
        "t": np.array(times),
        "raw_transl": np.stack([h.transl for h in found]),
        "raw_joints": np.stack([h.joints for h in found]),
        "conf": np.stack([h.joint_confidence for h in found]),
        "true_joints": np.stack(truth),
        "rotation": np.stack(rotation),
        "translation": np.stack(translation),
    }
