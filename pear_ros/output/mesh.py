"""What mesh outputs share: normals, people in the camera frame, the turn to y-up files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pear_ros.types import FloatArray, HumanFrame, Parameters


class Topology(Protocol):
    """The part of an engine's topology that pictures need: faces (F, 3), counter-clockwise from
    outside.
    """

    @property
    def faces(self) -> NDArray[np.integer]: ...


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> FloatArray:
    """Unit normals (V, 3), area-weighted over the faces around each vertex; zero where no face
    touches.
    """
    corners = np.asarray(faces).T
    x, y, z = np.asarray(vertices, np.float64).T[:, corners]
    ax, ay, az = x[1] - x[0], y[1] - y[0], z[1] - z[0]
    bx, by, bz = x[2] - x[0], y[2] - y[0], z[2] - z[0]
    total = np.zeros((len(vertices), 3))
    for k, normal in enumerate((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)):
        for corner in corners:
            total[:, k] += np.bincount(corner, normal, minlength=len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.where(length > 0, length, 1.0)).astype(np.float32)


def y_up(points: NDArray[np.floating]) -> FloatArray:
    """Optical axes (x right, y down, z forward) to glTF axes (x right, y up, z towards the viewer),
    or back.

    Half a turn about x: the camera then sits at the origin and looks along -z, as glTF cameras do.
    """
    return np.asarray(points, np.float32) * np.array([1, -1, -1], np.float32)


def placed(vertices: NDArray[np.floating], frame: HumanFrame) -> Sequence[FloatArray]:
    """Body model vertices (N, V, 3) of a frame's people moved to the optical frame, one array per
    person.
    """
    return [
        np.asarray(v, np.float32) + human.transl.astype(np.float32)
        for v, human in zip(vertices, frame.humans, strict=True)
    ]


class Mesher(Protocol):
    """The part of an engine that turns parameters into vertices (N, V, 3)."""

    def mesh(self, parameters: Parameters) -> FloatArray: ...


def joined(people: Sequence[Parameters]) -> Parameters:
    """The parameters of several people as one batch, so that they need one call."""
    return Parameters(
        **{f.name: np.concatenate([getattr(p, f.name) for p in people]) for f in fields(Parameters)}
    )


def frame_vertices(engine: Mesher, frame: HumanFrame) -> Sequence[FloatArray]:
    """Vertices (V, 3) in the optical frame of everybody in a frame, in its order."""
    if not frame.humans:
        return []
    return placed(engine.mesh(joined([h.parameters for h in frame.humans])), frame)
