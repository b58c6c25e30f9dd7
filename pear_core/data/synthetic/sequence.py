"""Rendered sequences with exact truth: dressed people who move about a room, seen by a moving camera.

The world is z-up in metres with the floor at z = 0; the camera's frame is optical (x right, y down,
z forward). Every pixel has a depth, the room's walls included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.body.ehm import Ehm
from pear_core.body.files import load_assets
from pear_core.body.parameters import BodyParameters
from pear_core.data.synthetic import backgrounds
from pear_core.data.synthetic.canvas import build_canvas
from pear_core.data.synthetic.motions import Actor
from pear_core.data.synthetic.outfit import Outfit, paint, sample_outfit, thickness
from pear_core.data.synthetic.people import Identities, to_parameters
from pear_core.data.synthetic.studio import sample_light
from pear_core.render.shading import Light, shade, unit, vertex_normals
from pear_core.render.visibility import rasterise

FloatArray = NDArray[np.float64]

LEVEL = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Optical frame -> world of a level camera that looks along the world's x."""


@dataclass(frozen=True)
class Pinhole:
    """Focal lengths and principal point in pixels of a width x height picture; the centre of the
    top left pixel is at (0, 0)."""

    fx: float = 525.0
    fy: float = 525.0
    cx: float = 319.5
    cy: float = 239.5
    width: int = 640
    height: int = 480


@dataclass(frozen=True)
class CameraPath:
    """Where the camera is in T frames: a point of the optical frame times rotation (T, 3, 3) plus
    translation (T, 3) lies in the world."""

    rotation: FloatArray
    translation: FloatArray


def camera_path(
    place: FloatArray | Sequence[float], yaw: FloatArray | float = 0.0,
    pitch: FloatArray | float = 0.0, roll: FloatArray | float = 0.0, frames: int = 1,
) -> CameraPath:  # fmt: skip
    """A camera at place (3,) or (T, 3), metres; angles in radians, scalar or (T,).

    yaw turns it to its left, positive pitch makes it look down, positive roll turns it clockwise
    (the picture counter-clockwise).
    """
    angles = [np.broadcast_to(np.asarray(a, dtype=np.float64), frames) for a in (yaw, pitch, roll)]
    # About z (up), then the camera's left, then its line of sight: x of the world when level.
    turn = Rotation.from_euler("ZYX", np.stack(angles, axis=1)) * LEVEL
    where = np.broadcast_to(np.asarray(place, dtype=np.float64), (frames, 3))
    return CameraPath(np.asarray(turn.as_matrix()), where.copy())


@dataclass(frozen=True)
class Shot:
    """One picture and what is true in it, for N people.

    image (H, W, 3) uint8 RGB. depth (H, W) float32, metres along the optical axis, as of the upper
    left sample of each pixel (at most a quarter of a pixel from its centre). owner (H, W) int8: the
    person seen, -1 for the room. parameters, transl (N, 3), joints (N, 145, 3): as the regressor's
    and the pipeline's, optical frame. keypoints (N, 145, 2): pixels. boxes (N, 4): x0, y0, x1, y1 of
    each silhouette as if nobody stood in front, cut off at the border; NaN outside the picture.
    visible (N,): share of that silhouette's pixels that nobody hides. rotation, translation: the
    camera's (see `CameraPath`).
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    owner: NDArray[np.int8]
    parameters: BodyParameters
    transl: NDArray[np.float32]
    joints: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    boxes: NDArray[np.float32]
    visible: NDArray[np.float32]
    rotation: FloatArray
    translation: FloatArray


@dataclass(frozen=True)
class Room:
    """low, high (3,): corners in metres. walls (6, S, S, 3) float32: pictures of low x, high x, low
    y, high y, low z, high z."""

    low: FloatArray
    high: FloatArray
    walls: NDArray[np.float32]


class Stage:
    """A room with its light and, per look, an outfit; draws actors into pictures."""

    def __init__(
        self, body: Path, seed: int, low: Sequence[float] = (-3.0, -6.0, 0.0),
        high: Sequence[float] = (9.0, 6.0, 3.2), supersampling: int = 2, noise: float = 0.01,
    ) -> None:  # fmt: skip
        """body: folder of a body model. noise: standard deviation of the pixels, of 1."""
        assets = load_assets(body)
        self.ehm = Ehm(assets, "eyes")
        self.identities = Identities.of(assets)
        self.canvas = build_canvas(assets)
        self.rng = np.random.default_rng([seed, 0x57A6E])
        self.seed, self.supersampling, self.noise = seed, supersampling, noise
        pool = backgrounds.build_pool(seed, 6)
        self.room = Room(
            np.array(low, dtype=np.float64), np.array(high, dtype=np.float64),
            np.stack([cv2.GaussianBlur(p, (0, 0), 1.0) for p in pool]).astype(np.float32)
            / np.float32(255),
        )  # fmt: skip
        self.light = replace(sample_light(self.rng), gloss=0.0)
        self._outfits: dict[int, Outfit] = {}
        self._room_seen: tuple[bytes, NDArray[np.float32], NDArray[np.float32]] | None = None

    def shoot(self, actors: Sequence[Actor], camera: Pinhole, path: CameraPath) -> Iterator[Shot]:
        """The frames of a sequence, one after the other; all actors and the path have T frames."""
        lengths = {len(a.people) for a in actors} | {len(path.rotation)}
        if len(lengths) != 1:
            raise ValueError(f"actors and camera path: expected equal lengths, found {lengths}")
        for t in range(len(path.rotation)):
            yield self.shot(
                [a.people[t] for a in actors], self.pelvis(actors, t), [a.look for a in actors],
                camera, path.rotation[t], path.translation[t],
            )  # fmt: skip

    def pelvis(self, actors: Sequence[Actor], t: int) -> FloatArray:
        """World positions (N, 3) of the pelvis in frame t: the lowest joint is `lift` above ground."""
        if not actors:
            return np.zeros((0, 3))
        with torch.inference_mode():
            joints = self.ehm(to_parameters([a.people[t] for a in actors])).joints.numpy()
        below = joints[:, 0, 2] - joints[..., 2].min(axis=1)
        height = below + [a.lift[t] for a in actors]
        return np.concatenate([[a.floor[t] for a in actors], height[:, None]], axis=1)

    def shot(
        self, people: Sequence[dict[str, FloatArray]], pelvis: FloatArray, looks: Sequence[int],
        camera: Pinhole, rotation: FloatArray, translation: FloatArray,
    ) -> Shot:  # fmt: skip
        """One picture of people (parameters whose roots turn into the world, pelvis (N, 3) there)."""
        to_optical = Rotation.from_matrix(rotation).inv()
        turned = []
        for person in people:
            rotations = person["rotations"].copy()
            rotations[0] = (to_optical * Rotation.from_rotvec(rotations[0])).as_rotvec()
            turned.append({**person, "rotations": rotations})
        count = len(turned)
        size, full = (camera.height, camera.width), self.supersampling
        parameters = to_parameters(turned or [_nobody(self.identities)])[slice(0, count)]
        vertices, joints = np.zeros((0, 1, 3), np.float32), np.zeros((0, 145, 3), np.float32)
        if count:
            with torch.inference_mode():
                posed = self.ehm(parameters)
            vertices, joints = posed.vertices.numpy(), posed.joints.numpy()
        transl = (to_optical.apply(pelvis - translation) if count else np.zeros((0, 3))) - joints[:, 0]
        transl = transl.astype(np.float32)
        joints = joints + transl[:, None]
        light = self._light_for(rotation)
        colour = np.zeros((size[0] * full, size[1] * full, 3), np.float32)
        depth = np.full(colour.shape[:2], np.inf, np.float32)
        owner = np.full(colour.shape[:2], -1, np.int8)
        alone = np.zeros(count)
        boxes = np.full((count, 4), np.nan, np.float32)
        for i in range(count):
            alone[i], boxes[i] = self._draw(
                i, vertices[i] + transl[i], looks[i], camera, light, colour, depth, owner
            )
        seen = np.array([(owner == i).sum() for i in range(count)])
        room, far = self._room(camera, rotation, translation)
        near = (owner >= 0).astype(np.float32)
        cover = cv2.resize(near, size[::-1], interpolation=cv2.INTER_AREA)[..., None]
        mixed = cv2.resize(colour, size[::-1], interpolation=cv2.INTER_AREA)
        picture = mixed + (1 - cover) * room
        picture += self.rng.normal(0, self.noise, picture.shape)
        owner, depth = owner[::full, ::full], depth[::full, ::full]
        pixels = joints[..., :2] / joints[..., 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        return Shot(
            image=(np.clip(picture, 0, 1) * 255).astype(np.uint8),
            depth=np.where(owner >= 0, depth, far).astype(np.float32),
            owner=np.ascontiguousarray(owner),
            parameters=parameters, transl=np.asarray(transl, np.float32), joints=joints,
            keypoints=pixels.astype(np.float32), boxes=boxes,
            visible=(seen / np.maximum(alone, 1)).astype(np.float32),
            rotation=np.asarray(rotation), translation=np.asarray(translation),
        )  # fmt: skip

    def outfit(self, look: int) -> Outfit:
        """The outfit of a look; the same for the same seed and look."""
        if look not in self._outfits:
            rng = np.random.default_rng([self.seed, look, 0xF17])
            self._outfits[look] = sample_outfit(rng, self.canvas)
        return self._outfits[look]

    def _draw(
        self, number: int, vertices: NDArray[np.float32], look: int, camera: Pinhole, light: Light,
        colour: NDArray[np.float32], depth: NDArray[np.float32], owner: NDArray[np.int8],
    ) -> tuple[int, NDArray[np.float32]]:  # fmt: skip
        """Paints one person over what is farther; its pixel count (samples) if alone, and its box."""
        canvas, outfit, full = self.canvas, self.outfit(look), self.supersampling
        normals = vertex_normals(vertices, canvas.faces, canvas.corners)
        dressed = vertices + normals * thickness(outfit, canvas)[:, None]
        screen = np.empty_like(dressed)
        z = np.maximum(dressed[:, 2:], 1e-3)
        screen[:, :2] = dressed[:, :2] / z * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        screen[:, :2] = screen[:, :2] * full + (full - 1) / 2
        screen[:, 2] = dressed[:, 2]
        front = screen[dressed[:, 2] > 0.05]
        outside = np.full(4, np.nan, np.float32)
        if not len(front):
            return 0, outside
        low = np.clip(np.floor(front[:, :2].min(0)), 0, None).astype(int)
        high = np.minimum(np.ceil(front[:, :2].max(0)).astype(int) + 1, colour.shape[1::-1])
        width, height = (int(n) for n in high - low)
        if width < 1 or height < 1:
            return 0, outside
        screen[:, :2] -= low
        seen = rasterise(screen, canvas.faces, height, width)
        window = np.s_[low[1] : low[1] + height, low[0] : low[0] + width]
        alone = seen.mask
        if not alone.any():
            return 0, outside
        mask = alone & (seen.depth < depth[window])
        face, weights = seen.face[mask], seen.barycentric[mask]
        attributes = np.concatenate((canvas.points, normals), axis=1)
        values = np.einsum("pc,pcd->pd", weights, attributes[canvas.faces[face]])
        albedo = paint(outfit, canvas, values[:, :3], canvas.face_part[face])
        colour[window][mask] = np.clip(shade(albedo, unit(values[:, 3:]), light), 0, 1)
        depth[window][mask] = seen.depth[mask]
        owner[window][mask] = number
        rows, columns = np.flatnonzero(alone.any(1)), np.flatnonzero(alone.any(0))
        box = np.array([columns[0] + low[0], rows[0] + low[1],
                        columns[-1] + low[0] + 1, rows[-1] + low[1] + 1])  # fmt: skip
        return int(alone.sum()), (box / full - 0.5).astype(np.float32)

    def _light_for(self, rotation: FloatArray) -> Light:
        """The light as seen by a camera; it was drawn for the level one."""
        turn = (Rotation.from_matrix(rotation).inv() * LEVEL).as_matrix().astype(np.float32)
        return replace(
            self.light, direction=turn @ self.light.direction, gradient=turn @ self.light.gradient
        )

    def _room(
        self, camera: Pinhole, rotation: FloatArray, translation: FloatArray
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Colour (H, W, 3) and depth (H, W) of the walls; kept while the camera stands still."""
        key = repr(camera).encode() + rotation.tobytes() + translation.tobytes()
        if self._room_seen is None or self._room_seen[0] != key:
            self._room_seen = (key, *draw_room(self.room, camera, rotation, translation))
        return self._room_seen[1], self._room_seen[2]


def draw_room(
    room: Room, camera: Pinhole, rotation: FloatArray, translation: FloatArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour (H, W, 3) and depth (H, W) of a room seen from inside."""
    if not ((room.low < translation) & (translation < room.high)).all():
        raise ValueError(
            f"camera: expected inside the room {room.low} to {room.high}, found {translation}"
        )
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    rays = np.stack(np.broadcast_arrays(x[None], y[:, None], 1.0), axis=-1) @ rotation.T
    ahead = rays > 0
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    # The ray's third optical coordinate is 1, so its length in these units is the depth.
    reach = (np.where(ahead, room.high, room.low) - translation) / safe
    axis = reach.argmin(axis=-1)
    depth = reach.min(axis=-1)
    points = (translation + depth[..., None] * rays - room.low) / (room.high - room.low)
    side = room.walls.shape[1]
    wall = 2 * axis + np.take_along_axis(ahead, axis[..., None], axis=-1)[..., 0]
    across = np.where(axis == 0, points[..., 1], points[..., 0])
    up = np.where(axis == 2, points[..., 1], points[..., 2])
    # The six pictures stand on top of each other: one call finds all colours.
    rows = wall * side + (1 - up) * (side - 1)
    colour = cv2.remap(
        room.walls.reshape(6 * side, side, 3),
        (across * (side - 1)).astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    colour = np.asarray(colour, dtype=np.float32)
    return colour, depth.astype(np.float32)


def _nobody(identities: Identities) -> dict[str, FloatArray]:
    from pear_core.data.synthetic.people import sample_person

    return sample_person(np.random.default_rng(0), identities)
