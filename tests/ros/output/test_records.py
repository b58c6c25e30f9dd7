"""npz of people: exact round trip, smplx's conventions, and what is no such file."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_ros.output.records import Records, read_npz, write_npz
from pear_ros.problems import PearError
from pear_ros.types import Human, HumanFrame, Parameters, Reference


def assert_same_reference(a: Reference | None, b: Reference | None) -> None:
    assert (a is None) == (b is None)
    if a is not None and b is not None:
        assert a.frame_id == b.frame_id
        np.testing.assert_array_equal(a.rotation, b.rotation)
        np.testing.assert_array_equal(a.translation, b.translation)


def assert_same(a: HumanFrame, b: HumanFrame) -> None:
    assert_same_reference(a.reference, b.reference)
    for f in fields(HumanFrame):
        if f.name not in ("humans", "reference"):
            assert getattr(a, f.name) == getattr(b, f.name), f.name
    assert len(a.humans) == len(b.humans)
    for x, y in zip(a.humans, b.humans, strict=True):
        for f in fields(Human):
            p, q = getattr(x, f.name), getattr(y, f.name)
            if isinstance(p, Parameters):
                for g in fields(Parameters):
                    np.testing.assert_array_equal(getattr(p, g.name), getattr(q, g.name))
            elif isinstance(p, np.ndarray):
                np.testing.assert_array_equal(p, q)
                assert p.dtype == q.dtype
            else:
                assert p == q, f.name


@pytest.mark.parametrize("smoothed", [False, True])
def test_comes_back_as_it_was(make_frame, tmp_path: Path, smoothed: bool) -> None:
    frames = tuple(
        make_frame(people=n, seed=n, smoothed=smoothed, stamp=10**18 + n) for n in (2, 0, 1, 3, 0)
    )
    records = Records(
        frames, ("a.png", "bé.jpg", "", "d", "e"), {"model": "m@1"}, ("smile", "jawOpen")
    )
    write_npz(tmp_path / "deep" / "people.npz", records)
    back = read_npz(tmp_path / "deep" / "people.npz")
    assert (back.sources, back.identity, back.expression_names) == (
        records.sources,
        records.identity,
        records.expression_names,
    )
    for a, b in zip(frames, back.frames, strict=True):
        assert_same(a, b)
    assert all(
        (h.raw_parameters is h.parameters) != smoothed for f in back.frames for h in f.humans
    )


@pytest.mark.parametrize("people", [(), (0,), (0, 0)])
def test_nobody_is_a_result_too(make_frame, tmp_path: Path, people: tuple[int, ...]) -> None:
    frames = tuple(make_frame(people=n) for n in people)
    write_npz(tmp_path / "p.npz", Records(frames, ("x",) * len(frames)))
    assert read_npz(tmp_path / "p.npz").frames == frames


def test_numpy_alone_reads_smplx_parameters(make_frame, tmp_path: Path) -> None:
    frames = (make_frame(people=2, seed=4), make_frame(people=1, seed=5))
    write_npz(tmp_path / "p.npz", Records(frames, ("x", "y")))
    with np.load(tmp_path / "p.npz", allow_pickle=False) as file:
        assert file["person_frame"].tolist() == [0, 0, 1]
        human = frames[1].humans[0]
        matrices = human.parameters.rotations[0]
        for name, part in {
            "global_orient": slice(0, 1),
            "body_pose": slice(1, 22),
            "left_hand_pose": slice(22, 37),
            "right_hand_pose": slice(37, 52),
        }.items():
            expected = Rotation.from_matrix(matrices[part]).as_rotvec().reshape(-1)
            np.testing.assert_allclose(file[name][2], expected, atol=2e-5)
        np.testing.assert_array_equal(file["betas"][2], human.parameters.betas[0])
        assert file["joint_names"][15] == "head"
        assert all(file[name].dtype != object for name in file.files)


def changed(path: Path, **arrays: np.ndarray) -> Path:
    with np.load(path) as file:
        kept = dict(file)
    kept.update(arrays)
    np.savez(path, **{k: v for k, v in kept.items() if v is not None})
    return path


@pytest.mark.parametrize(
    "broken",
    [
        {"format": np.array("other-1")},
        {"person_frame": np.array([0, 7])},
        {"person_frame": np.array([1, 0])},
        {"joints": np.zeros((2, 144, 3), np.float32)},
        {"betas": np.zeros((1, 10), np.float32)},
        {"betas": np.array(["a", "b"])},
        {"state": np.array([0, 9])},
        {"joint_names": np.array(["pelvis"])},
        {"identity": np.array("[]")},
        {"identity": np.array("{")},
        {"track_id": None},
        {"frame_intrinsics": np.zeros((2, 2))},
    ],
)
def test_inconsistent_files_are_refused(
    make_frame, tmp_path: Path, broken: dict[str, np.ndarray]
) -> None:
    write_npz(tmp_path / "p.npz", Records((make_frame(people=1), make_frame(people=1)), ("a", "b")))
    with pytest.raises(PearError, match=r"p\.npz.*not a file of people"):
        read_npz(changed(tmp_path / "p.npz", **broken))


ADDED_LATER = ("velocity", "raw_transl", "frame_reference", "frame_reference_id", "ended",
               "ended_frame")  # fmt: skip


def test_files_from_before_velocity_and_reference_frames_are_read(
    make_frame, tmp_path: Path
) -> None:
    frame = make_frame(people=2, seed=2, smoothed=True)
    write_npz(tmp_path / "p.npz", Records((frame,), ("a",)))
    back = read_npz(changed(tmp_path / "p.npz", **dict.fromkeys(ADDED_LATER))).frames[0]
    humans = [replace(h, velocity=np.zeros(3, np.float32), raw_transl=None) for h in frame.humans]
    assert_same(back, replace(frame, humans=tuple(humans), reference=None, ended=()))


@pytest.mark.parametrize(
    "broken",
    [
        {"velocity": np.zeros((2, 3), np.float32)},
        {"raw_transl": np.zeros((1, 4), np.float32)},
        {"frame_reference": np.zeros((1, 7))},
        {"frame_reference_id": np.array(["a", "b"])},
        {"ended": np.array([1, 2, 3])},
        {"ended_frame": np.array([0, 1])},
        {"ended_frame": np.array([0, -1])},
        {"velocity": np.array([["x", "y", "z"]])},
    ],
)
def test_inconsistent_additions_are_refused(
    make_frame, tmp_path: Path, broken: dict[str, np.ndarray]
) -> None:
    frame = make_frame(people=1, seed=2, smoothed=True)
    write_npz(tmp_path / "p.npz", Records((frame,), ("a",)))
    with pytest.raises(PearError, match=r"p\.npz.*not a file of people"):
        read_npz(changed(tmp_path / "p.npz", **broken))


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(PearError, match="not a readable npz"):
        read_npz(tmp_path / "p.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("one.npy", "text.npz", "missing.npz"):
        with pytest.raises(PearError, match=name):
            read_npz(tmp_path / name)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(at=0.025, value=252, cut=False)  # numpy's header parser gives up in its own way
@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_give_one_error_or_the_truth(
    make_frame, tmp_path: Path, at: float, value: int, cut: bool
) -> None:
    path = tmp_path / "p.npz"
    write_npz(path, Records((make_frame(people=1),), ("a",)))
    data = bytearray(path.read_bytes())
    place = int(at * len(data))
    path.write_bytes(data[:place] if cut else data[:place] + bytes([value]) + data[place + 1 :])
    try:
        back = read_npz(path)
    except PearError as error:
        assert "p.npz" in str(error)
    else:
        assert_same(back.frames[0], make_frame(people=1))


def test_sources_and_frames_belong_together(make_frame) -> None:
    with pytest.raises(ValueError, match="1 frames, but 2 sources"):
        Records((make_frame(),), ("a", "b"))


def test_a_failed_write_keeps_the_old_file(make_frame, tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(b"old")
    human = replace(make_frame().humans[0], joints=np.zeros((3, 3), np.float32))
    frame = replace(make_frame(), humans=(human,))
    with pytest.raises(ValueError, match="reshape"):
        write_npz(path, Records((frame,), ("a",)))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]
