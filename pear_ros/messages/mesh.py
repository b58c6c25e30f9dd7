"""HumanMesh: the skin of one person as CDR bytes."""

from __future__ import annotations

import numpy as np

from pear_ros.messages import codec
from pear_ros.messages.identity import Identity
from pear_ros.types import FloatArray, Human, HumanFrame


def human_mesh(frame: HumanFrame, human: Human, vertices: FloatArray, identity: Identity) -> bytes:
    """pear/msg/HumanMesh of one person, as CDR with the 4-byte header.

    vertices (V, 3): as `engine.mesh` gives them (body model's output frame, metres); `human.transl`
    is added here.
    """
    out = codec.CdrWriter()
    out.header(frame.stamp, frame.frame_id)
    out.pack("i", human.track_id)
    out.string(identity.topology_id)
    out.sequence(np.asarray(vertices, np.float32) + np.asarray(human.transl, np.float32))
    return out.finish()
