"""BodyModel decoded by rosbags."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from pear_core import anatomy
from pear_ros.messages import codec
from pear_ros.messages.body_model import body_model
from pear_ros.messages.identity import Identity


def test_everything_of_a_topology(people: ModuleType) -> None:
    topology = people.topology()
    raw = body_model(topology, Identity(body_model="free@1", topology_id="free@1"))
    m = codec.deserialize(raw, codec.BODY_MODEL)
    assert codec.serialize(m, codec.BODY_MODEL) == raw
    assert (m.body_model, m.topology_id, m.joint_order) == ("free@1", "free@1", "ehm_s_145")
    assert tuple(m.joint_names) == anatomy.EHM_JOINTS
    np.testing.assert_array_equal(m.joint_parents, anatomy.SMPLX_PARENTS)
    sizes = (m.num_betas, m.num_expression, m.num_flame_shape, m.num_flame_expression)
    assert sizes == (200, 50, 300, 50)
    assert tuple(m.expression_names) == topology.expression_names
    assert (m.num_vertices, m.num_lod_vertices) == (60, 20)
    for name in ("faces", "uv", "uv_faces", "lod_faces", "lod_indices", "lod_weights"):
        expected = getattr(topology, name)
        np.testing.assert_array_equal(getattr(m, name).reshape(expected.shape), expected)


def test_the_level_of_detail_can_be_rebuilt_from_the_message(people: ModuleType) -> None:
    topology = people.topology()
    m = codec.deserialize(body_model(topology, Identity()), codec.BODY_MODEL)
    vertices = np.random.default_rng(1).standard_normal((m.num_vertices, 3)).astype(np.float32)
    k = len(m.lod_weights) // m.num_lod_vertices
    rows = zip(m.lod_indices.reshape(-1, k), m.lod_weights.reshape(-1, k), strict=True)
    rebuilt = [sum(w * vertices[i] for i, w in zip(*row, strict=True)) for row in rows]
    np.testing.assert_allclose(topology.lod(vertices), rebuilt, atol=1e-6)
