"""Render the demo's sequence with ground truth: python tools/make_demo_sequence.py models/demo/rendered.mcap

One dressed person of the free body moves in front of a calibrated camera (640 x 480, 30 Hz). The bag holds the
pictures (JPEG), CameraInfo and, on /ground_truth/humans, what is true as pear/msg/HumanArray.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy.spatial.transform import Rotation, RotationSpline

from pear_core.body.ehm import Ehm
from pear_core.body.files import load_assets
from pear_core.body.parameters import BodyParameters
from pear_core.data.synthetic import backgrounds
from pear_core.data.synthetic.canvas import build_canvas
from pear_core.data.synthetic.outfit import paint, sample_outfit, thickness
from pear_core.data.synthetic.people import Identities, sample_person, to_parameters
from pear_core.data.synthetic.studio import sample_light
from pear_core.render.shading import shade, unit, vertex_normals
from pear_core.render.visibility import rasterise
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.pictures import compressed_image
from pear_ros.replay.writer import BagWriter
from pear_ros.types import (
    Box,
    Crop,
    Human,
    HumanFrame,
    Intrinsics,
    Parameters,
    ScaleSource,
    TrackState,
)

CAMERA = Intrinsics(fx=525.0, fy=525.0, cx=319.5, cy=239.5, width=640, height=480)
FRAME_ID = "camera_optical_frame"
START = 1_700_000_000_000_000_000
SUPERSAMPLING = 2


def motion(
    rng: np.random.Generator, identities: Identities, frames: int, keys: int
) -> list[dict[str, NDArray[np.float64]]]:
    """One person over time: key poses joined by rotation splines, turning slowly in front of the camera."""
    people = [sample_person(rng, identities, upright=True) for _ in range(keys)]
    times, now = np.linspace(0, 1, keys), np.linspace(0, 1, frames)
    yaws = np.radians(np.linspace(-35, 45, keys) + rng.normal(0, 8, keys))
    for person, yaw in zip(people, yaws, strict=True):
        root = Rotation.from_euler("x", np.pi) * Rotation.from_euler("y", yaw)
        person["rotations"][0] = root.as_rotvec()
    moving = {
        joint: RotationSpline(
            times, Rotation.from_rotvec(np.array([p["rotations"][joint] for p in people]))
        )(now).as_rotvec()
        for joint in range(people[0]["rotations"].shape[0])
    }
    sequence = []
    for i, t in enumerate(now):
        a, b = int(min(t * (keys - 1), keys - 2)), int(min(t * (keys - 1), keys - 2)) + 1
        mix = t * (keys - 1) - a
        person = {name: value.copy() for name, value in people[0].items()}
        person["rotations"] = np.array([moving[j][i] for j in range(len(moving))])
        for name in ("expression", "flame_expression", "jaw_pose", "eyelids", "eye_pose"):
            person[name] = (1 - mix) * people[a][name] + mix * people[b][name]
        sequence.append(person)
    return sequence


def numpy_parameters(batch: BodyParameters, i: int) -> Parameters:
    return Parameters(**{f.name: getattr(batch, f.name)[i : i + 1].numpy() for f in fields(batch)})


def truth_of(
    stamp: int, parameters: Parameters, joints: NDArray[np.float32], transl: NDArray[np.float32]
) -> HumanFrame:
    """The true HumanFrame: joints (145, 3) in the optical frame."""
    pixels = joints[:, :2] / joints[:, 2:] * [CAMERA.fx, CAMERA.fy] + [CAMERA.cx, CAMERA.cy]
    low, high = pixels.min(0), pixels.max(0)
    inside = ((pixels > 0) & (pixels < [CAMERA.width - 1, CAMERA.height - 1])).all(axis=1)
    human = Human(
        track_id=0, state=TrackState.TRACKED, box=Box(*low, *high),
        crop=Crop(*((low + high) / 2), 1.25 * float((high - low).max())),
        parameters=parameters, raw_parameters=parameters, camera=np.zeros(3, np.float32),
        transl=transl, joints=joints, keypoints=pixels.astype(np.float32),
        joint_confidence=inside.astype(np.float32), scale=ScaleSource.DEPTH, depth_sigma=0.0,
    )  # fmt: skip
    return HumanFrame(stamp, FRAME_ID, CAMERA.width, CAMERA.height, CAMERA, True, (human,))


class Scene:
    """What stays the same over the sequence: outfit, light, background."""

    def __init__(self, body: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        assets = load_assets(body)
        self.ehm = Ehm(assets, "eyes")
        self.identities = Identities.of(assets)
        self.canvas = build_canvas(assets)
        self.outfit = sample_outfit(self.rng, self.canvas)
        self.light = sample_light(self.rng)
        pool = backgrounds.build_pool(seed, 12)
        self.height, self.width = CAMERA.height * SUPERSAMPLING, CAMERA.width * SUPERSAMPLING
        self.background = backgrounds.sample_background(self.rng, pool, self.height, self.width)

    def picture(self, vertices: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The dressed person (V, 3), optical frame, in front of the background; RGB."""
        canvas = self.canvas
        normals = vertex_normals(vertices, canvas.faces, canvas.corners)
        dressed = vertices + normals * thickness(self.outfit, canvas)[:, None]
        screen = np.empty_like(dressed)
        scale = [CAMERA.fx, CAMERA.fy]
        screen[:, :2] = dressed[:, :2] / dressed[:, 2:] * scale + [CAMERA.cx, CAMERA.cy]
        screen[:, :2] = screen[:, :2] * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2
        screen[:, 2] = dressed[:, 2]
        seen = rasterise(screen, canvas.faces, self.height, self.width)
        mask = seen.mask
        face, weights = seen.face[mask], seen.barycentric[mask]
        attributes = np.concatenate((canvas.points, normals), axis=1)
        values = np.einsum("pc,pcd->pd", weights, attributes[canvas.faces[face]])
        albedo = paint(self.outfit, canvas, values[:, :3], canvas.face_part[face])
        picture = self.background.copy()
        picture[mask] = np.clip(shade(albedo, unit(values[:, 3:]), self.light), 0, 1)
        small = cv2.resize(picture, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_AREA)
        noisy = small + self.rng.normal(0, 0.01, small.shape)
        return (np.clip(noisy, 0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()

    scene = Scene(args.body, args.seed)
    people = to_parameters(motion(scene.rng, scene.identities, args.frames, args.keys))
    with torch.inference_mode():
        posed = scene.ehm(people)
    away = np.linspace(0, 1, args.frames)
    path = np.stack([-0.35 + 0.6 * away, np.full_like(away, 0.1), 2.9 - 0.5 * away], axis=1)
    with BagWriter(args.out) as bag:
        images = bag.add_topic("/camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage")
        infos = bag.add_topic("/camera/camera_info", "sensor_msgs/msg/CameraInfo")
        truths = bag.add_topic("/ground_truth/humans", "pear/msg/HumanArray")
        for i in track(range(args.frames), "rendering"):
            stamp = START + i * 33_333_333
            transl = path[i].astype(np.float32)
            image = scene.picture(posed.vertices[i].numpy() + transl)
            truth = truth_of(
                stamp, numpy_parameters(people, i), posed.joints[i].numpy() + transl, transl
            )
            bag.write(infos, stamp, camera_info(CAMERA, stamp, FRAME_ID))
            bag.write(
                images,
                stamp,
                compressed_image(np.ascontiguousarray(image[..., ::-1]), stamp, FRAME_ID, 90),
            )
            bag.write(truths, stamp, human_array(truth, Identity(model="ground truth")))
    print(f"{args.out}: {args.frames} frames, {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
