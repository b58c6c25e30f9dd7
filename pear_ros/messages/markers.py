"""MarkerArray: people as RViz and Foxglove draw them (mesh, skeleton, label, gaze), as CDR bytes.

`geometry_msgs/Point` is three float64, so a mesh of 27,000 faces is 2 MB; it is gathered by numpy
straight into the message (an object per point would take 80 ms).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.messages import codec, frames
from pear_ros.palette import track_colour
from pear_ros.types import FloatArray, Human, HumanFrame, ScaleSource, TrackState

Colour = tuple[float, float, float, float]

_ARROW, _LINE_LIST, _TEXT, _TRIANGLE_LIST = 0, 5, 9, 11
_ADD, _DELETE, _DELETE_ALL = 0, 2, 3
MESH, SKELETON, LABEL, GAZE = "mesh", "skeleton", "label", "gaze"
NAMESPACES = ((MESH, _TRIANGLE_LIST), (SKELETON, _LINE_LIST), (LABEL, _TEXT), (GAZE, _ARROW))
"""Namespace and type of everything that is drawn of a person; the marker's id is the track's."""
_HEAD_TOP = anatomy.EHM_JOINTS.index("head_top")

BONES: NDArray[np.int64] = np.stack(
    [anatomy.SMPLX_PARENTS[1:], np.arange(1, len(anatomy.SMPLX_PARENTS))], axis=1
).reshape(-1)
"""Parent and child, parent and child, ... of the 54 bones."""

Points = tuple[NDArray[np.float64], NDArray[np.integer]]
"""Positions (R, 3) in metres and the index (P,) of each point among them."""
_ENDS = np.arange(2)
_NO_POINTS: Points = (np.zeros((0, 3)), np.zeros(0, np.int64))


@dataclass(frozen=True)
class MarkerStyle:
    """What is drawn and how; sizes in metres, lifetime in seconds (0: until replaced)."""

    skeleton: bool = True
    label: bool = True
    gaze: bool = True
    lifetime: float = 0.5
    bone_width: float = 0.012
    label_height: float = 0.12
    gaze_length: float = 0.4
    predicted_alpha: float = 0.4
    """Alpha of people who were not found in this picture but carried on."""

    def colour(self, human: Human) -> Colour:
        """The track's colour, RGBA in 0..1."""
        r, g, b = (c / 255 for c in track_colour(human.track_id))
        return r, g, b, self.predicted_alpha if human.state == TrackState.PREDICTED else 1.0


def marker_array(
    frame: HumanFrame,
    vertices: FloatArray | None = None,
    faces: NDArray[np.integer] | None = None,
    *,
    style: MarkerStyle = MarkerStyle(),
    gone: Iterable[int] = (),
    delete_all: bool = False,
) -> bytes:
    """visualization_msgs/MarkerArray of one frame, as CDR with the 4-byte header.

    vertices (N, V, 3), one per human of the frame: as `engine.mesh` gives them, or its level of
    detail (body model's output frame, metres; each human's transl is added here); None draws no
    mesh. faces (F, 3) into V. gone: track ids whose markers are deleted. delete_all: first delete
    whatever was drawn before. An arrow along the gaze is drawn for faces that can be seen.
    """
    gone_ids = sorted(gone)
    meshes = vertices is not None and faces is not None
    parts = meshes + style.skeleton + style.label
    gazes = _gazes(frame.humans, style) if style.gaze else []
    out = codec.CdrWriter()
    deleted = len(NAMESPACES) * len(gone_ids) + delete_all
    out.pack("I", parts * len(frame.humans) + len(gazes) + deleted)
    writer = _Markers(out, frame, style)
    if delete_all:
        writer.write("", 0, 0, action=_DELETE_ALL)
    for track_id in gone_ids:
        for name, kind in NAMESPACES:
            writer.write(name, track_id, kind, action=_DELETE)
    corners = None if faces is None else np.ascontiguousarray(faces, np.intp).reshape(-1)
    for i, human in enumerate(frame.humans):
        colour = style.colour(human)
        if vertices is not None and corners is not None:
            placed = vertices[i].astype(np.float64)
            placed += human.transl
            writer.mesh(human.track_id, colour, (placed, corners))
        if style.skeleton:
            writer.skeleton(human.track_id, colour, (human.joints.astype(np.float64), BONES))
        if style.label:
            writer.label(human.track_id, label(human), human.joints[_HEAD_TOP])
    for human, points in gazes:
        writer.gaze(human.track_id, style.colour(human), points)
    return out.finish()


def _gazes(humans: Sequence[Human], style: MarkerStyle) -> list[tuple[Human, Points | None]]:
    """Start and tip of the arrows along the gaze; None takes one away that would stay for ever."""
    if not humans:
        return []
    heads = frames.head_rotations(humans)
    seen = frames.visible_faces(humans, frames.face(humans, heads))
    poses = frames.gaze(humans, heads)
    tips = poses.origin + style.gaze_length * poses.rotation[:, :, 2]
    ends = np.stack([poses.origin, tips], axis=1)
    return [
        (human, (two, _ENDS) if shown else None)
        for human, shown, two in zip(humans, seen, ends, strict=True)
        if shown or style.lifetime == 0
    ]


def label(human: Human) -> str:
    """The text above a person: track id, distance with its standard deviation, unusual states.

    Plain ASCII, because RViz's font has nothing else.
    """
    text = f"#{human.track_id}"
    if human.scale != ScaleSource.NONE:
        text += f" {float(human.transl[2]):.2f} +- {human.depth_sigma:.2f} m"
    return text if human.state == TrackState.TRACKED else f"{text} {human.state.name.lower()}"


class _Markers:
    """Writes single markers; every field of visualization_msgs/Marker, in order."""

    def __init__(self, out: codec.CdrWriter, frame: HumanFrame, style: MarkerStyle) -> None:
        self._out, self._frame = out, frame
        self._style, self._lifetime = style, codec.split_stamp(round(style.lifetime * 1e9))

    def mesh(self, track_id: int, colour: Colour, points: Points) -> None:
        self.write(MESH, track_id, _TRIANGLE_LIST, colour=colour, scale=(1, 1, 1), points=points)

    def skeleton(self, track_id: int, colour: Colour, points: Points) -> None:
        scale = (self._style.bone_width, 0, 0)
        self.write(SKELETON, track_id, _LINE_LIST, colour=colour, scale=scale, points=points)

    def label(self, track_id: int, text: str, head: FloatArray) -> None:
        """Text above the top of a head (3,)."""
        height = self._style.label_height
        x, y, z = (float(v) for v in head)
        scale, white = (0, 0, height), (1.0, 1.0, 1.0, 1.0)
        place = (x, y - height, z)
        self.write(LABEL, track_id, _TEXT, colour=white, scale=scale, text=text, position=place)

    def gaze(self, track_id: int, colour: Colour, points: Points | None) -> None:
        """An arrow from the sellion, or none."""
        if points is None:
            self.write(GAZE, track_id, _ARROW, action=_DELETE)
            return
        width = self._style.bone_width
        scale = (width, 3 * width, 5 * width)
        self.write(GAZE, track_id, _ARROW, colour=colour, scale=scale, points=points)

    def write(
        self,
        namespace: str,
        marker_id: int,
        kind: int,
        *,
        action: int = _ADD,
        position: Sequence[float] = (0.0, 0.0, 0.0),
        scale: Sequence[float] = (0.0, 0.0, 0.0),
        colour: Colour = (0.0, 0.0, 0.0, 0.0),
        points: Points = _NO_POINTS,
        text: str = "",
    ) -> None:
        out = self._out
        out.header(self._frame.stamp, self._frame.frame_id)
        out.string(namespace)
        out.pack("3i", marker_id, kind, action)
        out.pack("7d", *position, 0.0, 0.0, 0.0, 1.0)
        out.pack("3d", *scale)
        out.pack("4f", *colour)
        out.pack("iI", *self._lifetime)
        out.pack("?", False)  # frame_locked
        rows, index = points
        out.pack("I", len(index))
        out.gather(rows, index)
        out.pack("I", 0)  # colors
        out.string("")  # texture_resource
        out.header(0, "")  # texture
        out.string("")
        out.pack("I", 0)
        out.pack("I", 0)  # uv_coordinates
        out.string(text)
        out.string("")  # mesh_resource
        out.string("")  # mesh_file
        out.pack("I", 0)
        out.pack("?", False)  # mesh_use_embedded_materials
