"""HumanMesh decoded by rosbags."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from pear_ros.messages import codec
from pear_ros.messages.identity import Identity
from pear_ros.messages.mesh import human_mesh


@pytest.mark.parametrize("topology_id", ["", "b", "body@1234"])
def test_vertices_are_moved_into_the_camera(
    people: ModuleType, rng: np.random.Generator, topology_id: str
) -> None:
    frame = people.frame(rng, 1)
    human = frame.humans[0]
    vertices = people.floats(rng, 50, 3)
    raw = human_mesh(frame, human, vertices, Identity(topology_id=topology_id))
    message = codec.deserialize(raw, codec.HUMAN_MESH)
    assert codec.serialize(message, codec.HUMAN_MESH) == raw
    assert message.topology_id == topology_id
    assert message.track_id == human.track_id
    placed = vertices.astype(np.float64) + human.transl
    np.testing.assert_allclose(message.vertices.reshape(-1, 3), placed, atol=1e-6)
