"""TFMessage: where people are, as frames under the camera's optical frame.

Parent and child names have their place in a message that only changes when people come and go, so
it is laid out once and then only filled: 55 links of 8 people are one copy and two assignments.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec, frames
from pear_ros.messages.names import ONLY_CAMERA, Naming
from pear_ros.so3 import quaternion
from pear_ros.types import HumanFrame, ScaleSource

_BODY, _FACE, _GAZE = range(3)
"""In frames.Axes.values."""
_VALUES = 7
"""Numbers of a transform: x y z, qx qy qz qw."""


def tf_message(
    frame: HumanFrame,
    naming: Naming = ONLY_CAMERA,
    *,
    joints: bool = False,
    faces: bool = True,
    known: frames.Axes | None = None,
) -> bytes:
    """tf2_msgs/TFMessage of one frame, as CDR with the 4-byte header.

    Parents are the camera's optical frame; metres. `body_<id>` for everybody (origin between the
    hips, x forward, z up); faces: `face_<id>` (origin at the sellion, x out of the face, z up) and
    `gaze_<id>` (same origin, z along the gaze, x to the person's right, y down) for faces that can
    be seen; joints: the 55 kinematic joints under `body_<id>`, named `<link>_<id>` (see
    frames.JOINT_LINKS). Ids are those of `naming`. known: frames.axes of all the frame's people, where
    that is at hand. People without a metric scale get no frame.
    Source: REP-155, "Face and Gaze Frames", "Body Frames".
    """
    rows = [i for i, h in enumerate(frame.humans) if h.scale != ScaleSource.NONE]
    people = [frame.humans[i] for i in rows]
    ids = tuple([naming.body(h.track_id) for h in people])
    if not people:
        return _layout(frame.frame_id, ids, (), joints)[0]
    axes = frames.axes(frame.humans) if known is None else known
    seen = [i for i in rows if axes.seen[i]] if faces else []
    parts = [axes.values[rows, _BODY]]
    if joints:
        parts.append(_below(frames.body(people), *frames.joints(people)))
    if seen:
        parts += [axes.values[seen, _FACE], axes.values[seen, _GAZE]]
    face_ids = tuple([naming.face(frame.humans[i].track_id) for i in seen])
    message, stamps, places = _layout(frame.frame_id, ids, face_ids, joints)
    out = np.frombuffer(message, "<u4").copy()
    out[stamps] = np.array(codec.split_stamp(frame.stamp), "<u4")
    out[places] = np.concatenate(parts).view("<u4")
    return out.tobytes()


def _below(parents: frames.Poses, rotation: frames.Array, origin: frames.Array) -> frames.Array:
    """Frames of links (N, K, ...) seen from their people's frames, as one list (N x K, 7)."""
    back = parents.rotation.swapaxes(1, 2)[:, None]
    at = back @ (origin - parents.origin[:, None])[..., None]
    turn = quaternion((back @ rotation).reshape(-1, 3, 3))
    return np.concatenate([at.reshape(-1, 3), turn], axis=1)


@lru_cache(maxsize=16)
def _layout(
    camera: str, ids: tuple[str, ...], face_ids: tuple[str, ...], joints: bool
) -> tuple[bytes, NDArray[np.intp], NDArray[np.intp]]:
    """The message with zeros in it, and the places (T, 2) of its stamps and (T, 14) of its values,
    counted in words of 4 bytes."""
    names = [(camera, f"body_{i}") for i in ids]
    if joints:
        names += [(f"body_{i}", f"{link}_{i}") for i in ids for link in frames.JOINT_LINKS]
    names += [(camera, f"{kind}_{i}") for kind in ("face", "gaze") for i in face_ids]
    out = codec.CdrWriter()
    out.pack("I", len(names))
    stamps, places = [], []
    for parent, child in names:
        stamps.append(out.offset)
        out.header(0, parent)
        out.string(child)
        out.align(8)
        places.append(out.offset)
        out.pack(f"{_VALUES}d", *[0.0] * _VALUES)
    out.align(4)
    steps = np.arange(2 * _VALUES)
    at_stamps, at_places = np.array(stamps, np.intp) // 4, np.array(places, np.intp) // 4
    return out.finish(), at_stamps[:, None] + steps[:2], at_places[:, None] + steps
