"""Our own file of a motion: exact there and back, wrong content named."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.exchange import motion_file
from pear_core.exchange.arrays import Arrays, ExchangeError, npz_bytes
from pear_core.exchange.motion import Motion


def content(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6), st.tuples(*[st.integers(0, 5)] * 4))
def test_there_and_back_exactly(make_motion, frames: int, seed: int, widths) -> None:
    names = tuple(f"näme{i}" for i in range(widths[3]))
    motion = make_motion(frames, seed, widths=widths, expression_names=names)
    again = motion_file.decode(Arrays(content(motion_file.encode(motion)), "m"))
    for f in fields(Motion):
        np.testing.assert_array_equal(getattr(again, f.name), getattr(motion, f.name))


def test_names_are_those_of_the_smplx_package(make_motion) -> None:
    motion = make_motion(2, 31)
    arrays = content(motion_file.encode(motion))
    np.testing.assert_array_equal(arrays["global_orient"], motion.rotations[:, 0])
    np.testing.assert_array_equal(arrays["body_pose"].reshape(2, 21, 3), motion.rotations[:, 1:22])
    np.testing.assert_array_equal(arrays["left_hand_pose"][1, :3], motion.rotations[1, 22])
    np.testing.assert_array_equal(arrays["right_hand_pose"][1, -3:], motion.rotations[1, 51])


@pytest.mark.parametrize(
    ("key", "array", "text"),
    [
        ("format", np.array("pear-motion-9"), "key 'format'; expected pear-motion-1; found pear-mot"),
        ("body_pose", np.zeros((2, 60)), r"key 'body_pose'; expected shape \(2, 63\)"),
        ("stamps", np.array([[0, 1]]), "key 'stamps'; expected a row of whole numbers"),
        ("betas", np.zeros((3, 10)), r"key 'betas'; expected shape \(2, any\)"),
        ("transl", None, "key 'transl' is missing"),
    ],
)  # fmt: skip
def test_wrong_content_is_named(make_motion, key: str, array, text: str) -> None:
    arrays = content(motion_file.encode(make_motion(2, 32)))
    if array is None:
        del arrays[key]
    else:
        arrays[key] = array
    with pytest.raises(ExchangeError, match=text):
        motion_file.decode(Arrays(arrays, "m.npz"))


def test_kinds_are_told_apart(make_motion, tmp_path) -> None:
    (tmp_path / "m.npz").write_bytes(motion_file.encode(make_motion(1, 33)))
    assert motion_file.is_motion(Arrays.open(tmp_path / "m.npz"))
    assert motion_file.read(tmp_path / "m.npz").track_id == 7
    (tmp_path / "p.npz").write_bytes(npz_bytes({"format": np.array("pear-people-1")}))
    assert not motion_file.is_motion(Arrays.open(tmp_path / "p.npz"))


def test_stamps_must_ascend(make_motion) -> None:
    arrays = content(motion_file.encode(make_motion(2, 34)))
    arrays["stamps"] = arrays["stamps"][::-1]
    with pytest.raises(ExchangeError, match="stamps; expected ascending"):
        motion_file.decode(Arrays(arrays, "m"))
    assert replace(make_motion(2, 34), stamps=np.array([3, 9])).fps > 0
