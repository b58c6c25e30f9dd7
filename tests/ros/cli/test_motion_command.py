"""`pear motion`: recorded people of ours out to other formats, and theirs in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fabricated import bodies, people
from pear_ros.messages import codec
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.output import records, records_json
from pear_ros.replay.writer import BagWriter
from pear_ros.types import HumanFrame

ROOT = Path(__file__).parents[3]
STEP = 40_000_000


IDENTITY = {"body_model": "made_up@0123456789ab"}


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bodies.write_folder(
        tmp_path_factory.mktemp("bodies") / "made_up",
        vertices=90,
        head=40,
        faces=(150, 60),
        regions=(6, 5, 2),
    )


@pytest.fixture(scope="module")
def frames() -> list[HumanFrame]:
    """Five frames at 25 Hz; person 1 is in all of them, person 2 in the first two."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(5):
        frame = people.frame(rng, 2 if i < 2 else 1)
        humans = tuple(replace(h, transl=h.transl + np.float32([0, 0, 4])) for h in frame.humans)
        made.append(replace(frame, stamp=1_000_000_000 + i * STEP, humans=humans))
    return made


@pytest.fixture
def recorded(tmp_path: Path, frames: list[HumanFrame]) -> Callable[[str], Path]:
    """recorded(suffix) writes the frames as .npz, .json or .mcap."""

    def write(suffix: str) -> Path:
        path = tmp_path / f"people{suffix}"
        kept = records.Records(tuple(frames), ("t",) * len(frames), IDENTITY)
        if suffix == ".npz":
            records.write_npz(path, kept)
        elif suffix == ".json":
            records_json.write_json(path, kept)
        else:
            with BagWriter(path) as writer:
                topic = writer.add_topic("/humans", codec.HUMAN_ARRAY)
                own = Identity(body_model=IDENTITY["body_model"])
                for frame in frames:
                    writer.write(topic, frame.stamp, human_array(frame, own))
        return path

    return write


@pytest.mark.parametrize("suffix", [".npz", ".json", ".mcap"])
def test_our_files_all_give_the_same_person(pear, recorded, body, frames, suffix: str) -> None:
    path = recorded(suffix)
    ran = pear("motion", path, "--to", "npz", "--body", body)
    assert (ran.code, ran.err) == (0, "")
    out = path.with_name("people_person1_motion.npz")
    assert str(out) in ran.out and "person 1: 5 frames, 0.16 s, 25 fps" in ran.out
    file = np.load(out, allow_pickle=False)
    assert file["stamps"].tolist() == [frame.stamp for frame in frames]
    people = [frame.humans[0] for frame in frames]
    np.testing.assert_array_equal(file["transl"], [h.transl for h in people])
    np.testing.assert_array_equal(
        file["flame_expression"], [h.parameters.flame_expression[0] for h in people]
    )
    parts = ("global_orient", "body_pose", "left_hand_pose", "right_hand_pose")
    vectors = np.concatenate([file[name] for name in parts], axis=1).reshape(-1, 3)
    truth = np.concatenate([h.parameters.rotations[0] for h in people])
    np.testing.assert_allclose(Rotation.from_rotvec(vectors).as_matrix(), truth, atol=2e-6)


def test_without_a_format_it_says_who_is_there(pear, recorded, body) -> None:
    path = recorded(".npz")
    ran = pear("motion", path, "--json", "--body", body)
    content = json.loads(ran.out)
    assert [(p["person"], p["frames"], p["fps"]) for p in content["people"]] == [
        (1, 5, 25),
        (2, 2, 25),
    ]
    assert content["files"] == [] and content["ok"] is True
    assert sorted(p.name for p in path.parent.iterdir()) == ["people.npz"]


def test_amass_there_and_back(pear, recorded, body, frames, tmp_path: Path) -> None:
    path = recorded(".npz")
    out, back = tmp_path / "new" / "a.npz", tmp_path / "b.npz"
    assert (
        pear("motion", path, "--to", "amass", "--person", 2, "--out", out, "--body", body).code == 0
    )
    file = np.load(out, allow_pickle=False)
    assert file["poses"].shape == (2, 165) and float(file["mocap_frame_rate"]) == 25
    ran = pear("motion", out, "--from", "amass", "--out", back, "--body", body, "--json")
    assert ran.code == 0 and json.loads(ran.out)["files"] == [str(back)]
    again = np.load(back, allow_pickle=False)
    truth = [frame.humans[1].parameters for frame in frames[:2]]
    np.testing.assert_allclose(again["jaw_pose"], [p.jaw_pose[0] for p in truth], atol=1e-6)
    roots = Rotation.from_rotvec(again["global_orient"]).as_matrix()
    np.testing.assert_allclose(roots, [p.rotations[0, 0] for p in truth], atol=1e-5)


@pytest.mark.parametrize("kind", ["smplestx", "multihmr", "hmr2"])
def test_results_of_other_networks_there_and_back(pear, recorded, body, tmp_path, kind) -> None:
    path, theirs = recorded(".npz"), tmp_path / "theirs.npz"
    assert pear("motion", path, "--to", kind, "--out", theirs, "--body", body).code == 0
    back = tmp_path / "back.npz"
    words = ("--from", kind, "--fps", 25, "--out", back, "--body", body)
    assert pear("motion", theirs, *words).code == 0
    again = np.load(back, allow_pickle=False)
    assert again["stamps"].tolist() == [i * STEP for i in range(5)]
    assert pear("motion", theirs, *words, "--to", "bvh").code == 0
    assert back.read_text().startswith("HIERARCHY\nROOT pelvis")


def test_gltf_and_bvh_lie_beside_the_input(pear, recorded, body) -> None:
    path = recorded(".mcap")
    for kind, name in (("gltf", "people_person1.glb"), ("bvh", "people_person1.bvh")):
        assert pear("motion", path, "--to", kind, "--body", body).code == 0
        assert (path.parent / name).stat().st_size > 1000
    data = (path.parent / "people_person1.glb").read_bytes()
    assert data[:4] == b"glTF" and b'"left_index1"' in data
    assert not list(path.parent.glob(".*part*"))


def test_another_body_is_said(pear, recorded, body, tmp_path) -> None:
    path = recorded(".npz")
    other = body.with_name("other")
    if not other.exists():
        other.symlink_to(body)
    ran = pear("motion", path, "--to", "bvh", "--body", other)
    assert "Note: shape and expression belong to made_up, but other wears them" in ran.out


def test_pictures_without_stamps_get_an_even_rate(pear, tmp_path, frames, body) -> None:
    still = tuple(replace(frame, stamp=0) for frame in frames)
    path = tmp_path / "photos.npz"
    records.write_npz(path, records.Records(still, ("p",) * 5, IDENTITY))
    ran = pear("motion", path, "--fps", 10, "--body", body)
    assert "person 1: 5 frames, 0.40 s, 10 fps" in ran.out
    assert "Note: person 1 has no time stamps: 10 frames per second are assumed" in ran.out


def test_repeated_stamps_and_broken_frames_are_left_out(pear, tmp_path, frames, body) -> None:
    humans = (replace(frames[3].humans[0], transl=np.float32([0, np.nan, 1])),)
    odd = (*frames[:3], replace(frames[3], humans=humans), frames[2], frames[4])
    path = tmp_path / "odd.npz"
    records.write_npz(path, records.Records(odd, ("p",) * 6, IDENTITY))
    ran = pear("motion", path, "--body", body, "--person", 1, "--to", "npz", "--json")
    content = json.loads(ran.out)
    assert "person 1: 2 frames left out (repeated stamp or no number)" in content["notes"]
    stamps = np.load(content["files"][0])["stamps"]
    assert stamps.tolist() == [frames[i].stamp for i in (0, 1, 2, 4)]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--person", 9, "--to", "gltf"), "no person 9; expected a track id; found 1, 2"),
        (("--from", "amass"), "key 'root_orient' is missing"),
        (("--to", "gltf", "--body", "nowhere"), "no nowhere is installed"),
        (("--to", "fbx"), "invalid choice: 'fbx'"),
    ],
)
def test_wrong_wishes_are_one_line(pear, recorded, body, words: Any, text: str) -> None:
    path = recorded(".npz")
    if "--body" not in words:
        words = (*words, "--body", body)
    ran = pear("motion", path, *words)
    assert ran.code in (1, 2) and text in ran.err and ran.err.count("\n") == 1
    assert [p.name for p in path.parent.iterdir()] == ["people.npz"]


def test_wrong_files_are_one_line(pear, tmp_path, body) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and then nothing")
    np.savez(tmp_path / "b.npz", format=np.array("pear-motion-1"))
    with BagWriter(tmp_path / "c.mcap") as writer:
        writer.add_topic("/camera", codec.IMAGE)
    for name, text in (
        ("a.npz", "not a readable npz file"),
        ("b.npz", "key 'stamps' is missing"),
        ("c.mcap", "no people in this bag; expected a topic of type pear/msg/HumanArray"),
        ("d.mcap", "no such bag"),
        ("e.npz", "no such file"),
    ):
        ran = pear("motion", tmp_path / name, "--to", "bvh", "--body", body)
        assert ran.code == 1 and text in ran.err and ran.err.count("\n") == 1
    assert not list(tmp_path.glob("*.bvh"))


def test_it_never_loads_torch() -> None:
    code = (
        "import sys, pear_ros.cli.motion, pear_ros.cli.recorded; "
        "from pear_core.exchange import amass, bvh, gltf_skin, hmr2, motion_file, multihmr, smplestx; "
        "print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "False", out.stderr
