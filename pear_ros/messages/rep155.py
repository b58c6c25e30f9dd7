"""The topics of REP-155 (ROS4HRI) that one frame fills, as CDR bytes.

Bodies: roi, skeleton2d, position, velocity. Faces: roi, landmarks, facs, expression. Both: the list
of tracked ids, and the match of a body with its face. 3D poses are TF frames (see tf). Pictures'
coordinates are fractions of width and height, from the top left corner of the top left pixel.
`joint_states` is left out: it needs a robot_state_publisher per person with a rigid 15-link human;
tf publishes the true links under the same names instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pear_ros.messages import foreign, frames, hri
from pear_ros.messages.action_units import action_units
from pear_ros.messages.names import BODIES, FACES, MATCHES, ONLY_CAMERA, TRACKED, Naming
from pear_ros.types import FloatArray, Human, HumanFrame, ScaleSource

POINT = "geometry_msgs/msg/PointStamped"
TWIST = "geometry_msgs/msg/TwistStamped"


@dataclass(frozen=True)
class Outgoing:
    """One message and where it goes."""

    topic: str
    type_name: str
    data: bytes


BODY_TOPICS: dict[str, str] = {
    "roi": foreign.REGION,
    "skeleton2d": foreign.SKELETON_2D,
    "position": POINT,
    "velocity": TWIST,
}
"""Name under /humans/bodies/<id>/ -> message type."""
FACE_TOPICS: dict[str, str] = {
    "roi": foreign.REGION,
    "landmarks": foreign.FACIAL_LANDMARKS,
}
"""Name under /humans/faces/<id>/ -> message type."""
EXPRESSION_TOPICS: dict[str, str] = {
    "facs": foreign.FACIAL_ACTION_UNITS,
    "expression": foreign.EXPRESSION,
}
"""More of them, for models whose faces are to be believed."""
_FACE_TYPES = FACE_TOPICS | EXPRESSION_TOPICS


def rep155(
    frame: HumanFrame,
    naming: Naming = ONLY_CAMERA,
    expression_names: Sequence[str] = (),
    face_trust: float = 0.0,
    known: frames.Axes | None = None,
) -> list[Outgoing]:
    """Everything REP-155 wants to know of one frame.

    A face counts as tracked while it can be seen (frames.visible_faces). position and velocity only
    with a metric scale. expression_names: of the body model, as Topology.expression_names;
    `expression` is sent only where they are ARKit's. face_trust: how far the model is to be
    believed about lids, jaw and expressions, 0..1; scales the confidence of `facs` and
    `expression`, and 0 leaves both out. That is right for the model that ships: its faces hardly
    move, and it would call every smile neutral. known: frames.axes, where that is at hand.
    """
    people = list(frame.humans)
    faces = _seen(people, known)
    out = _lists(frame, naming, people, faces)
    places = frames.body(people).origin if people else np.zeros((0, 3))
    for human, place in zip(people, places, strict=True):
        parts = {"roi": hri.body_region(frame, human), "skeleton2d": hri.skeleton2d(frame, human)}
        if human.scale != ScaleSource.NONE:
            parts |= {
                "position": hri.position(frame, place),
                "velocity": hri.velocity(frame, human),
            }
        out += [
            Outgoing(naming.body_topic(human.track_id, name), BODY_TOPICS[name], data)
            for name, data in parts.items()
        ]
    pupils = hri.pupils(frame, faces)
    for human, eyes in zip(faces, pupils, strict=True):
        out += _face(frame, human, eyes, naming, expression_names, face_trust)
    return out


def tracked(
    frame: HumanFrame, naming: Naming = ONLY_CAMERA, known: frames.Axes | None = None
) -> list[Outgoing]:
    """Only the two lists of ids of `rep155`, for frames whose people nobody listens to."""
    return _lists(frame, naming, frame.humans, _seen(frame.humans, known))


def _seen(people: Sequence[Human], known: frames.Axes | None) -> list[Human]:
    visible = frames.visible_faces(people) if known is None else known.seen
    return [h for h, s in zip(people, visible, strict=True) if s]


def _lists(
    frame: HumanFrame, naming: Naming, people: Sequence[Human], faces: Sequence[Human]
) -> list[Outgoing]:
    bodies_now = [naming.body(h.track_id) for h in people]
    faces_now = [naming.face(h.track_id) for h in faces]
    return [
        Outgoing(f"{BODIES}/{TRACKED}", foreign.IDS_LIST, hri.ids_list(frame, bodies_now)),
        Outgoing(f"{FACES}/{TRACKED}", foreign.IDS_LIST, hri.ids_list(frame, faces_now)),
    ]


def _face(
    frame: HumanFrame,
    human: Human,
    eyes: FloatArray,
    naming: Naming,
    expression_names: Sequence[str],
    face_trust: float,
) -> list[Outgoing]:
    parts = {
        "roi": hri.face_region(frame, human),
        "landmarks": hri.facial_landmarks(frame, human, eyes),
    }
    if face_trust > 0:
        sure = face_trust * float(human.joint_confidence[frames.SELLION])
        intensity, confidence = action_units(human, expression_names, sure)
        parts["facs"] = hri.facial_action_units(frame, intensity, confidence)
        shown = hri.expression(frame, intensity, confidence)
        if shown is not None:
            parts["expression"] = shown
    match = hri.ids_match(naming.body(human.track_id), naming.face(human.track_id), 1.0)
    return [
        *(
            Outgoing(naming.face_topic(human.track_id, name), _FACE_TYPES[name], data)
            for name, data in parts.items()
        ),
        Outgoing(MATCHES, foreign.IDS_MATCH, match),
    ]
