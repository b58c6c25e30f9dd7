"""JSON of people: what stands in it, round trip, and what is no such file."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core import anatomy
from pear_ros.output.records import Records
from pear_ros.output.records_json import read_json, write_json
from pear_ros.problems import PearError
from pear_ros.types import Human, Parameters


@pytest.mark.parametrize("smoothed", [False, True])
def test_comes_back_as_it_was(make_frame, tmp_path: Path, smoothed: bool) -> None:
    frames = (
        make_frame(people=2, seed=1, smoothed=smoothed),
        make_frame(people=0),
        make_frame(seed=2),
    )
    records = Records(frames, ("a", "é", "c"), {"model": "m"}, ("smile",))
    write_json(tmp_path / "p.json", records)
    back = read_json(tmp_path / "p.json")
    assert (back.sources, back.identity, back.expression_names) == (
        ("a", "é", "c"),
        {"model": "m"},
        ("smile",),
    )
    for a, b in zip(frames, back.frames, strict=True):
        assert replace(a, humans=(), reference=None) == replace(b, humans=(), reference=None)
        assert (a.reference is None) == (b.reference is None)
        if a.reference is not None and b.reference is not None:
            assert a.reference.frame_id == b.reference.frame_id == "map"
            np.testing.assert_array_equal(a.reference.rotation, b.reference.rotation)
            np.testing.assert_array_equal(a.reference.translation, b.reference.translation)
        for x, y in zip(a.humans, b.humans, strict=True):
            for f in fields(Human):
                p, q = getattr(x, f.name), getattr(y, f.name)
                if isinstance(p, Parameters):
                    for g in fields(Parameters):
                        tolerance = 1e-6 if g.name == "rotations" else 0
                        np.testing.assert_allclose(
                            getattr(p, g.name), getattr(q, g.name), atol=tolerance, rtol=0
                        )
                elif isinstance(p, np.ndarray):
                    np.testing.assert_array_equal(p, q)
                else:
                    assert p == q, f.name


def test_any_json_reader_finds_names_units_and_axis_angles(make_frame, tmp_path: Path) -> None:
    frame = make_frame(people=1, seed=3)
    write_json(tmp_path / "p.json", Records((frame,), ("photo.jpg",)))
    content = json.loads((tmp_path / "p.json").read_text(), parse_constant=pytest.fail)
    human, person = frame.humans[0], content["frames"][0]["people"][0]
    assert content["frames"][0]["source"] == "photo.jpg"
    assert "metres" in content["units"]["positions"]
    vectors = Rotation.from_matrix(human.parameters.rotations[0]).as_rotvec()
    np.testing.assert_allclose(person["global_orient"], vectors[0], atol=2e-5)
    assert list(person["body_pose"]) == list(anatomy.BODY_JOINTS[1:])
    np.testing.assert_allclose(person["body_pose"]["right_wrist"], vectors[21], atol=2e-5)
    np.testing.assert_allclose(person["left_hand_pose"]["left_thumb3"], vectors[36], atol=2e-5)
    np.testing.assert_allclose(person["right_hand_pose"]["right_index1"], vectors[37], atol=2e-5)
    head = anatomy.EHM_JOINTS.index("head")
    np.testing.assert_array_equal(np.float32(person["joints"]["head"]), human.joints[head])
    x, y, confidence = person["keypoints"]["head"]
    np.testing.assert_array_equal(np.float32([x, y]), human.keypoints[head])
    assert np.float32(confidence) == human.joint_confidence[head]
    assert len(person["betas"]) == 200
    assert person["state"] in ("NEW", "TRACKED", "PREDICTED", "LOST")


def test_numbers_are_short_and_the_infinite_is_null(make_frame, tmp_path: Path) -> None:
    frame = make_frame(people=1)
    human = replace(
        frame.humans[0],
        depth_sigma=math.inf,
        transl=np.array([0.1, np.nan, 2], np.float32),
    )
    write_json(tmp_path / "p.json", Records((replace(frame, humans=(human,)),), ("x",)))
    text = (tmp_path / "p.json").read_text()
    assert '"transl": [0.1, null, 2.0]' in text
    assert '"depth_sigma": null' in text
    back = read_json(tmp_path / "p.json").frames[0].humans[0]
    assert back.depth_sigma == math.inf
    np.testing.assert_array_equal(back.transl, human.transl)


def test_files_from_before_velocity_and_reference_frames_are_read(
    make_frame, tmp_path: Path
) -> None:
    frame = make_frame(people=1, seed=2, smoothed=True)
    write_json(tmp_path / "p.json", Records((frame,), ("a",)))
    content = json.loads((tmp_path / "p.json").read_text())
    for name in ("reference", "ended"):
        del content["frames"][0][name]
    for name in ("velocity", "raw_transl"):
        del content["frames"][0]["people"][0][name]
    (tmp_path / "p.json").write_text(json.dumps(content))
    back = read_json(tmp_path / "p.json").frames[0]
    assert (back.reference, back.ended) == (None, ())
    assert back.humans[0].raw_transl is None
    np.testing.assert_array_equal(back.humans[0].velocity, np.zeros(3))
    np.testing.assert_array_equal(back.humans[0].joints, frame.humans[0].joints)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "x"),
        ("frames", 3),
        ("frames.0.people.0.state", "ASLEEP"),
        ("frames.0.people.0.betas", "none"),
        ("frames.0.people.0.transl", [1, 2]),
        ("frames.0.people.0.transl", [1, 2, "c"]),
        ("frames.0.people.0.joints", {"head": [0, 0, 0]}),
        ("frames.0.people.0.box", {"left": 1}),
        ("frames.0.intrinsics", [1, 2, 3, 4]),
        ("frames.0.people.0.betas", [[1], [2, 3]]),
        ("identity", None),
        ("frames.0.ended", ["x"]),
        ("frames.0.reference", {"frame_id": "map"}),
        ("frames.0.reference", {"frame_id": "m", "rotation": [1], "translation": [0, 0, 0]}),
        ("frames.0.people.0.velocity", [1, 2]),
    ],
)
def test_inconsistent_files_are_refused(
    make_frame, tmp_path: Path, path: str, value: object
) -> None:
    write_json(tmp_path / "p.json", Records((make_frame(people=1),), ("a",)))
    content = json.loads((tmp_path / "p.json").read_text())
    *way, last = path.split(".")
    place = content
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PearError, match=r"p\.json"):
        read_json(tmp_path / "p.json")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 1, exclude_max=True), junk=st.binary(max_size=4))
def test_damaged_files_never_raise_anything_else(
    make_frame, tmp_path: Path, at: float, junk: bytes
) -> None:
    path = tmp_path / "p.json"
    write_json(path, Records((make_frame(people=1),), ("a",)))
    data = path.read_bytes()
    place = int(at * len(data))
    path.write_bytes(data[:place] + junk + data[place + 1 :])
    try:
        read_json(path)
    except PearError as error:
        assert "p.json" in str(error)


def test_deep_nesting_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    for name in ("deep.json", "missing.json"):
        with pytest.raises(PearError, match=name):
            read_json(tmp_path / name)
