"""BodyModel: faces, names and orders, sent once, as CDR bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pear_core import layout
from pear_ros.messages import codec
from pear_ros.messages.identity import Identity

if TYPE_CHECKING:
    from pear_ros.engine.topology import Topology


def body_model(topology: Topology, identity: Identity) -> bytes:
    """pear/msg/BodyModel of an engine's topology, as CDR with the 4-byte header."""
    out = codec.CdrWriter()
    for text in (identity.body_model, identity.topology_id, identity.joint_order):
        out.string(text)
    out.strings(topology.joint_names)
    out.sequence(np.asarray(topology.joint_parents, np.int32))
    out.pack(
        "4I",
        layout.NUM_BETAS,
        layout.NUM_EXPRESSION,
        layout.NUM_FLAME_SHAPE,
        layout.NUM_FLAME_EXPRESSION,
    )
    out.strings(topology.expression_names)
    out.pack("I", topology.num_vertices)
    out.sequence(np.asarray(topology.faces, np.uint32))
    out.sequence(np.asarray(topology.uv, np.float32))
    out.sequence(np.asarray(topology.uv_faces, np.uint32))
    out.pack("I", len(topology.lod_indices))
    out.sequence(np.asarray(topology.lod_faces, np.uint32))
    out.sequence(np.asarray(topology.lod_indices, np.uint32))
    out.sequence(np.asarray(topology.lod_weights, np.float32))
    return out.finish()
