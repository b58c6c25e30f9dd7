"""People in parts, padded or not, and fewer at a time after running out of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.engine.buckets import BUCKETS, BucketSession, bucket, out_of_memory
from pear_ros.problems import PearError


class Doubling:
    """y = 2 x, for at most `room` people."""

    def __init__(self, room: int = 99) -> None:
        self.room, self.calls = room, []

    def run(self, inputs: Any) -> dict[str, Any]:
        self.calls.append(len(inputs["x"]))
        if len(inputs["x"]) > self.room:
            raise MemoryError("no room")
        return {"y": 2 * inputs["x"], "z": inputs["x"][:, :1]}


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (17, 8)]
)
def test_buckets(count: int, expected: int) -> None:
    assert bucket(count) == expected


@given(st.integers(1, 40), st.integers(1, 12), st.booleans())
def test_every_person_gets_the_own_answer(count: int, room: int, padded: bool) -> None:
    x = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    inner = Doubling(room)
    session = BucketSession(inner, "graph", padded)
    found = session.run({"x": x})
    np.testing.assert_array_equal(found["y"], 2 * x)
    np.testing.assert_array_equal(found["z"], x[:, :1])
    assert max(inner.calls) <= 8
    if padded:
        assert set(inner.calls) <= set(BUCKETS)
    # The second time nothing is tried in vain.
    before = len(inner.calls)
    session.run({"x": x})
    assert all(size <= room for size in inner.calls[before:])


def test_seventeen_people_in_parts() -> None:
    inner = Doubling()
    BucketSession(inner, "graph").run({"x": np.zeros((17, 2), np.float32)})
    assert inner.calls == [8, 8, 1]
    inner = Doubling()
    BucketSession(inner, "graph", padded=True).run({"x": np.zeros((13, 2), np.float32)})
    assert inner.calls == [8, 8]


def test_no_room_for_anybody() -> None:
    session = BucketSession(Doubling(0), "network.onnx")
    with pytest.raises(PearError, match=r"network\.onnx: no memory for one person; found no room"):
        session.run({"x": np.zeros((5, 2), np.float32)})
    assert session.largest == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA error: OUT OF MEMORY"), True),
        (RuntimeError("BFCArena: Failed to allocate memory for 9 bytes"), True),
        (RuntimeError("cannot allocate"), True),
        (ValueError("shape mismatch"), False),
        (OSError("no such file"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected
