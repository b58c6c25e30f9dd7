"""`pear bag` and `pear replay`, read by the independent mcap library, with a real (tiny) model."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cv2
import pytest
from mcap.reader import make_reader

from pear_ros.output.records import read_npz


def counts(path: Path) -> Counter[str]:
    with path.open("rb") as file:
        return Counter(channel.topic for _, channel, _ in make_reader(file).iter_messages())


@pytest.fixture
def bag(pear, clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "in.mcap"
    ran = pear("bag", path, clip, "--camera-info", "90,90,39.5,29.5,80,60")
    assert ran.code == 0, ran.err
    return path


def test_bag_of_a_video(bag: Path) -> None:
    assert counts(bag) == {"/camera/image_raw": 7, "/camera/camera_info": 7}


def test_bag_of_pictures_says_what_it_did(pear, picture, tmp_path: Path) -> None:
    pictures = [picture(f"{i}.png", i) for i in range(3)]
    ran = pear(
        "bag",
        tmp_path / "p.mcap",
        *pictures,
        "--compressed",
        "80",
        "--rate",
        5,
        "--topic",
        "/cam",
        "--json",
    )
    assert ran.code == 0, ran.err
    content = json.loads(ran.out)
    assert (content["frames"], content["failed"]) == (3, 0)
    assert sum(counts(tmp_path / "p.mcap").values()) == 3


def test_broken_pictures_are_warnings_and_strict_is_strict(pear, picture, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    for strict, code in (((), 0), (("--strict",), 1)):
        ran = pear("bag", tmp_path / "p.mcap", picture(), broken, *strict)
        assert ran.code == code
        assert "pear: warning: unreadable" in ran.err
        assert counts(tmp_path / "p.mcap") == {"/camera/image_raw": 1}


def test_replay_writes_what_was_asked(pear, tiny, bag: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    ran = pear(
        "replay",
        bag,
        "--out",
        out / "humans.mcap",
        "--mesh",
        "--pass",
        "/camera/camera_info",
        "--overlay",
        out / "v.mp4",
        "--people",
        out / "p.npz",
        "--report",
        out / "r.html",
        "--json",
        *tiny,
    )
    assert ran.code == 0, ran.err
    content = json.loads(ran.out)
    assert (content["frames"], content["people"], content["tracks"]) == (7, 7, 1)
    assert content["errors_against_truth"] is None
    assert counts(out / "humans.mcap") == {
        "/body_model": 1,
        "/humans": 7,
        "/humans/meshes": 7,
        "/markers": 7,
        "/camera/camera_info": 7,
    }
    capture = cv2.VideoCapture(str(out / "v.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 7
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    frames = read_npz(out / "p.npz").frames
    assert all(frame.calibrated for frame in frames)
    assert frames[0].intrinsics.fx == 90
    text = (out / "r.html").read_text("utf-8")
    assert "/humans/meshes" in text
    assert text.count("data:image/jpeg") == 4


def test_two_runs_give_the_same_bytes(pear, tiny, bag: Path, tmp_path: Path) -> None:
    for name in ("a.mcap", "b.mcap"):
        assert pear("replay", bag, "--out", tmp_path / name, "--markers", "off", *tiny).code == 0
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()
    assert counts(tmp_path / "a.mcap") == {"/body_model": 1, "/humans": 7}


def test_against_itself_there_is_no_error(pear, tiny, bag: Path, tmp_path: Path) -> None:
    """A replay's own people as the truth: all found, nothing missed, zero distance."""
    truth = tmp_path / "truth.mcap"
    assert pear("replay", bag, "--out", truth, "--pass", "*", *tiny).code == 0
    ran = pear(
        "replay",
        truth,
        "--out",
        tmp_path / "again.mcap",
        "--truth",
        "/humans",
        "--report",
        tmp_path / "r.html",
        "--json",
        *tiny,
    )
    assert ran.code == 0, ran.err
    errors = json.loads(ran.out)["errors_against_truth"]
    assert (errors["frames"], errors["matched"], errors["missed"], errors["extra"]) == (7, 7, 0, 0)
    assert errors["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert errors["keypoint_px"] == pytest.approx(0, abs=1e-3)
    again = ("replay", truth, "--out", tmp_path / "part.mcap", "--truth", "humans", "--json")
    part = pear(*again, "--first", 2, "--count", 3, *tiny)
    errors = json.loads(part.out)["errors_against_truth"]
    assert (errors["frames"], errors["matched"], errors["missed"]) == (3, 3, 0)
    assert "PA-MPJPE" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--topic", "/nothing"), "/nothing"),
        (("--pass", "/nothing"), "/nothing"),
        (("--truth", "/camera/image_raw"), "no truth on /camera/image_raw"),
        (("--overlay", "v.gifv"), "unknown kind of video"),
    ],
)
def test_wrong_wishes_are_one_error_and_no_file(pear, tiny, bag, tmp_path, words, said) -> None:
    ran = pear("replay", bag, "--out", tmp_path / "h.mcap", *tiny, *words)
    assert ran.code == 1
    assert said in ran.err
    assert ran.err.count("pear: error") == 1
    assert not (tmp_path / "h.mcap").exists()


def test_a_failing_overlay_leaves_no_bag_and_no_video(
    pear, tiny, bag, tmp_path, monkeypatch
) -> None:
    from pear_ros.output.video import VideoWriter
    from pear_ros.problems import PearError

    def fail(self: VideoWriter, image: object) -> None:
        raise PearError("disk is full")

    monkeypatch.setattr(VideoWriter, "write", fail)
    monkeypatch.setattr("pear_ros.cli.recorder._LOOKAHEAD", 2)
    ran = pear("replay", bag, "--out", tmp_path / "h.mcap", "--overlay", tmp_path / "v.mp4", *tiny)
    assert ran.code == 1
    assert "disk is full" in ran.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.avi", "in.mcap"]
