"""From (seed, index) to a rendered, labelled person crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.anatomy import SMPLX_PARENTS
from pear_core.body.ehm import Ehm
from pear_core.body.files import load_assets
from pear_core.data import surface
from pear_core.data.records import SURFACE_STRIDE, Record
from pear_core.data.synthetic import backgrounds, effects
from pear_core.data.synthetic.canvas import Canvas, Part, build_canvas
from pear_core.data.synthetic.extras import sample_extras, skirt
from pear_core.data.synthetic.outfit import paint, sample_outfit, thickness
from pear_core.data.synthetic.people import Identities, sample_person, to_parameters
from pear_core.data.synthetic.viewpoint import View, sample_root, sample_view
from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH
from pear_core.render.shading import Light, shade, unit, vertex_normals
from pear_core.render.visibility import rasterise

FloatArray = NDArray[np.float32]
SECOND_PERSON, OCCLUDED = 0.1, 0.3
_FIT_POINTS = 300


@dataclass(frozen=True)
class _Plan:
    """What is decided about a sample before bodies are posed."""

    rng: np.random.Generator
    cut: float | None
    people: list[dict[str, NDArray[np.float64]]]


@dataclass(frozen=True)
class _Piece:
    """A mesh with what painting and labels need, before projection."""

    vertices: FloatArray
    normals: FloatArray
    faces: NDArray[np.int32]
    points: FloatArray
    face_part: NDArray[np.int8]
    face_material: NDArray[np.int16]


class Studio:
    """Renders people of one body folder; every sample is a function of (seed, index) alone.

    The body is posed with scale_about="eyes".
    """

    def __init__(self, body: Path, seed: int, pool_size: int = backgrounds.POOL_SIZE) -> None:
        assets = load_assets(body)
        self.seed = seed
        self.ehm = Ehm.from_folder(body, scale_about="eyes")
        self.canvas: Canvas = build_canvas(assets)
        self.identities = Identities.of(assets)
        self.pool = backgrounds.build_pool(seed, pool_size)
        self.head_points = np.flatnonzero(self.canvas.head_weight > 0.5)
        rng = np.random.default_rng(0)
        self.fit_points = np.sort(rng.choice(len(self.canvas.points), _FIT_POINTS, replace=False))

    def sample(self, index: int) -> Record:
        """Record number `index` of this seed."""
        return self.batch([index])[0]

    def batch(self, indices: Sequence[int]) -> list[Record]:
        """Several records; the same as `sample` of each, faster."""
        plans = [self._plan(index) for index in indices]
        people = [person for plan in plans for person in plan.people]
        with torch.inference_mode():
            posed = self.ehm(to_parameters(people))
        vertices, joints = posed.vertices.numpy(), posed.joints.numpy()
        records, first = [], 0
        for plan in plans:
            part = slice(first, first + len(plan.people))
            records.append(self._record(plan, vertices[part], joints[part]))
            first = part.stop
        return records

    def _plan(self, index: int) -> _Plan:
        rng = np.random.default_rng([self.seed, index])
        kind = rng.random()
        cut: float | None = None
        if kind < 0.2:
            cut = float(rng.uniform(0.2, 0.42))
        elif kind < 0.36:
            cut = float(rng.uniform(0.4, 0.62))
        elif kind < 0.45:
            cut = float(rng.uniform(0.6, 0.95))
        people = [sample_person(rng, self.identities, upright=cut is not None and cut < 0.65)]
        if rng.random() < SECOND_PERSON:
            people.append(sample_person(rng, self.identities))
        for person in people:
            person["rotations"][0] = sample_root(rng)
        return _Plan(rng, cut, people)

    def _record(self, plan: _Plan, vertices: FloatArray, joints: FloatArray) -> Record:
        rng = plan.rng
        patterns: list[Any] = []
        pieces = self._pieces(rng, plan.people[0], vertices[0], joints[0], patterns)
        dressed = pieces[0].vertices
        view = sample_view(rng, dressed, plan.cut, self.head_points, self.fit_points)
        labelled = len(pieces)
        for other, bones, person in zip(vertices[1:], joints[1:], plan.people[1:], strict=True):
            shift = np.array([rng.choice([-1, 1]) * rng.uniform(0.3, 0.9), rng.normal(0, 0.1),
                              rng.uniform(-0.3, 1.5)], dtype=np.float32)  # fmt: skip
            shift += joints[0, 0] - bones[0]
            pieces += self._pieces(rng, person, other + shift, bones + shift, patterns)
        picture, cells = self._render(rng, view, pieces, labelled, patterns, joints[0, 0])
        hidden = _outside(view.image)
        if rng.random() < OCCLUDED:
            hidden = hidden | effects.add_occluders(rng, picture, self.pool)
        cells[hidden[_CELLS]] = 0
        picture[_outside(view.image)] = 0
        return self._labelled(plan, view, joints[0], effects.degrade(rng, picture), cells)

    def _pieces(
        self,
        rng: np.random.Generator,
        person: dict[str, NDArray[np.float64]],
        vertices: FloatArray,
        joints: FloatArray,
        patterns: list[Any],
    ) -> list[_Piece]:
        canvas = self.canvas
        outfit = sample_outfit(rng, canvas)
        normals = vertex_normals(vertices, canvas.faces, canvas.corners)
        dressed = vertices + normals * thickness(outfit, canvas)[:, None]
        patterns.append(lambda points, part: paint(outfit, canvas, points, part))
        pieces = [
            _piece(
                dressed, normals, canvas.faces, canvas.points, canvas.face_part, len(patterns) - 1
            )
        ]
        turn = world_rotations(person["rotations"])
        for extra in sample_extras(rng, canvas, outfit):
            placed = extra.local @ turn[extra.joint].T.astype(np.float32) + joints[extra.joint]
            patterns.append(_plain(extra.pattern))
            pieces.append(_extra(placed, extra.faces, extra.local, len(patterns) - 1))
        if rng.random() < 0.08:
            points, faces, canonical = skirt(rng, canvas, joints[:55], outfit.bottom)
            patterns.append(_plain(outfit.bottom))
            pieces.append(_extra(points, faces, canonical, len(patterns) - 1))
        return pieces

    def _render(
        self,
        rng: np.random.Generator,
        view: View,
        pieces: list[_Piece],
        labelled: int,
        patterns: list[Any],
        pelvis: FloatArray,
    ) -> tuple[FloatArray, NDArray[np.uint8]]:
        """Picture, and surface cells of the first `labelled` pieces."""
        starts = np.cumsum([0] + [len(p.vertices) for p in pieces[:-1]])
        faces = np.concatenate([p.faces + s for p, s in zip(pieces, starts, strict=True)]).astype(
            np.int32
        )
        screen = view.project(np.concatenate([p.vertices for p in pieces]))
        screen[:, 0] -= STRIP_MARGIN
        seen = rasterise(screen, faces, CROP_SIZE, STRIP_WIDTH)
        mask = seen.mask
        face = seen.face[mask]
        weights = seen.barycentric[mask]
        corners = faces[face]
        attributes = np.concatenate([np.concatenate([p.points, p.normals], axis=1) for p in pieces])
        values = np.einsum("pc,pcd->pd", weights, attributes[corners])
        points, normals = values[:, :3], unit(values[:, 3:])
        part = np.concatenate([p.face_part for p in pieces])[face]
        material = np.concatenate([p.face_material for p in pieces])[face]
        albedo = np.empty_like(points)
        for number in np.unique(material):
            chosen = material == number
            albedo[chosen] = patterns[number](points[chosen], part[chosen])
        light = sample_light(rng)
        bumps = np.sin(points @ rng.normal(0, 60, (3, 3)).astype(np.float32)) * np.float32(
            rng.uniform(0, 0.12)
        )
        bumps[(part == Part.HEAD) | (part == Part.HAND) | (part == Part.EYE)] *= 0.15
        # Normals that face away on a visible pixel come from interpolation and thin shells.
        normals[:, 2] = -np.abs(normals[:, 2])
        picture = backgrounds.sample_background(rng, self.pool, CROP_SIZE, STRIP_WIDTH)
        picture[mask] = np.clip(shade(albedo, unit(normals + bumps), light), 0, 1)

        kind = np.zeros(mask.shape, np.uint8)
        first_other = sum(len(p.faces) for p in pieces[:labelled])
        kind[mask] = np.where(part == Part.EXTRA, surface.WORN, surface.BODY) * (face < first_other)
        canonical = np.zeros((*mask.shape, 3), np.float32)
        canonical[mask] = points
        depth = np.where(mask, seen.depth, 0) - np.float32(pelvis[2] + view.offset[2])
        cells = surface.encode(kind[_CELLS], canonical[_CELLS], depth[_CELLS].astype(np.float32))
        return picture, cells

    def _labelled(
        self,
        plan: _Plan,
        view: View,
        joints: FloatArray,
        image: NDArray[np.uint8],
        cells: NDArray[np.uint8],
    ) -> Record:
        pixels = view.project(joints)[:, :2]
        left, top, right, bottom = view.image
        low = np.array([max(left, STRIP_MARGIN), max(top, 0)])
        high = np.array([min(right, STRIP_MARGIN + STRIP_WIDTH), min(bottom, CROP_SIZE)])
        inside = ((pixels > low) & (pixels < high)).all(axis=1)
        fields = {k: v.astype(np.float32) for k, v in plan.people[0].items()}
        return Record(
            image=image,
            surface=cells,
            camera=view.camera,
            joints=joints.astype(np.float32),
            keypoints=(pixels / CROP_SIZE).astype(np.float32),
            confidence=np.asarray(inside, dtype=np.float32),
            valid=np.ones(4, np.float32),
            **fields,
        )


_CELLS = np.s_[SURFACE_STRIDE // 2 :: SURFACE_STRIDE, SURFACE_STRIDE // 2 :: SURFACE_STRIDE]


def world_rotations(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """World rotations (55, 3, 3) of all joints from local axis-angles (52, 3); jaw and eyes follow
    the head.
    """
    local = np.zeros((55, 3))
    local[:22], local[25:] = pose[:22], pose[22:]
    matrices = Rotation.from_rotvec(local).as_matrix()
    for joint in range(1, 55):
        matrices[joint] = matrices[SMPLX_PARENTS[joint]] @ matrices[joint]
    return np.asarray(matrices)


def sample_light(rng: np.random.Generator) -> Light:
    """One sun from anywhere above or in front, ambient light with a coloured gradient."""
    direction = rng.normal(size=3) * [1, 0.7, 0.7] + [0, -0.8, -0.7]
    tint = 1 + rng.normal(0, 0.06, (2, 3))
    ambient = rng.uniform(0.25, 0.85)
    sun = rng.uniform(0.0, 1.1) * (1.25 - ambient)
    return Light(
        direction=(direction / np.linalg.norm(direction)).astype(np.float32),
        sun=(sun * tint[0]).astype(np.float32),
        ambient=(ambient * tint[1]).astype(np.float32),
        gradient=rng.normal(0, 0.1, (3, 1)).astype(np.float32) * tint[1].astype(np.float32),
        gloss=float(rng.exponential(0.06)),
    )


def _piece(
    vertices: FloatArray,
    normals: FloatArray,
    faces: NDArray[np.int32],
    points: FloatArray,
    face_part: NDArray[np.int8],
    material: int,
) -> _Piece:
    numbers = np.full(len(faces), material, np.int16)
    return _Piece(vertices, normals, faces, points, face_part, numbers)


def _extra(
    vertices: FloatArray, faces: NDArray[np.int32], points: FloatArray, material: int
) -> _Piece:
    normals = unit(vertices - vertices.mean(axis=0))
    part = np.full(len(faces), Part.EXTRA, np.int8)
    return _piece(vertices.astype(np.float32), normals, faces, points, part, material)


def _plain(pattern: Any) -> Any:
    return lambda points, part: pattern(points)


def _outside(border: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Pixels (256, 192) beyond the photograph, which are black."""
    left, top, right, bottom = border
    y, x = np.arange(CROP_SIZE)[:, None], np.arange(STRIP_WIDTH)[None] + STRIP_MARGIN
    return np.asarray((x < left) | (x > right) | (y < top) | (y > bottom))
