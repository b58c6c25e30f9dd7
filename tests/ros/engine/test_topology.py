"""Topology files: the level of detail as a weighted sum, and refusal of what would crash later."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.engine.topology import read_topology
from pear_ros.problems import PearError

ARRAYS: dict[str, Any] = {
    "faces": np.array([[0, 1, 2], [2, 3, 0]]),
    "lod_faces": np.array([[0, 1, 1]]),
    "lod_indices": np.array([[0, 2], [3, 3]]),
    "lod_weights": np.array([[0.25, 0.75], [1.0, 0.0]]),
    "uv": np.zeros((5, 2)),
    "uv_faces": np.array([[0, 1, 4], [2, 3, 0]]),
    "joint_names": np.array(["a", "b"]),
    "joint_parents": np.array([-1, 0]),
    "expression_names": np.array(["smile"]),
    "dominant_joint": np.array([0, 1, 1, 0]),
}


def packed(**changes: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: v for k, v in (ARRAYS | changes).items() if v is not None})
    return buffer.getvalue()


def test_fields_and_level_of_detail() -> None:
    topology = read_topology(packed(), "t")
    assert topology.num_vertices == 4 and topology.joint_names == ("a", "b")
    vertices = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    coarse = topology.lod(vertices)
    # By hand for the first person: 0.25 (0, 1, 2) + 0.75 (6, 7, 8), and vertex 3 = (9, 10, 11).
    np.testing.assert_allclose(coarse[0], [[4.5, 5.5, 6.5], [9, 10, 11]])
    np.testing.assert_allclose(coarse[1], [[16.5, 17.5, 18.5], [21, 22, 23]])
    assert coarse.dtype == np.float32
    assert topology.lod(vertices[0]).shape == (2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"faces": np.array([[0, 1, 4]])},
            r"faces points outside .* expected 0\.\.3; found 0\.\.4",
        ),
        ({"lod_faces": np.array([[0, 1, 2]])}, "lod_faces points outside"),
        ({"lod_indices": np.array([[0, -1], [3, 3]])}, "lod_indices points outside"),
        ({"uv_faces": np.array([[0, 1, 5], [2, 3, 0]])}, "uv_faces points outside"),
        ({"faces": np.array([[0, 1]])}, r"faces has shape \(1, 2\)"),
        ({"lod_weights": np.ones((2, 3))}, "lod_weights do not match"),
        ({"dominant_joint": None}, "incomplete topology; expected array 'dominant_joint'"),
        ({"joint_names": np.array([object()])}, "not a topology file"),
    ],
)
def test_unsound_files_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PearError, match=message):
        read_topology(packed(**changes), "t.npz")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_give_one_clear_error(data: st.DataObject) -> None:
    good = packed()
    if data.draw(st.booleans()):
        bad = good[: data.draw(st.integers(0, len(good) - 1))]
    else:
        at = data.draw(st.integers(0, len(good) - 1))
        bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        topology = read_topology(bad, "t.npz")
    except PearError as error:
        assert str(error).startswith("t.npz: ")
    else:
        assert topology.lod(np.zeros((topology.num_vertices, 3), np.float32)).shape[1] == 3
