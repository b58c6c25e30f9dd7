"""`pear video` from a video to files, with a real (tiny) model."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from pear_ros.output.records import read_npz
from pear_ros.output.records_json import read_json


def test_overlay_parameters_and_report(pear, tiny, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    ran = pear(
        "video",
        clip,
        "--out",
        out / "v.mp4",
        "--people",
        out / "p.npz",
        "--people",
        out / "p.json",
        "--report",
        out / "r.html",
        "--json",
        *tiny,
    )
    assert ran.code == 0, ran.err
    content = json.loads(ran.out)
    assert (content["frames"], content["people"]) == (7, 7)
    assert {"decode", "network", "overlay"} <= set(content["stages"])
    assert content["files"] == [str(out / name) for name in ("r.html", "v.mp4", "p.npz", "p.json")]
    capture = cv2.VideoCapture(str(out / "v.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 7
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    exact, readable = read_npz(out / "p.npz"), read_json(out / "p.json")
    assert [f.stamp for f in exact.frames] == [80_000_000 * i for i in range(7)]
    assert {h.track_id for f in exact.frames for h in f.humans} == {0}
    assert readable.frames[3].humans[0].box == exact.frames[3].humans[0].box


def test_count_and_panel(pear, tiny, clip: Path, tmp_path: Path) -> None:
    ran = pear("video", clip, "--out", tmp_path / "v.avi", "--count", 2, "--panel", *tiny)
    assert ran.code == 0, ran.err
    assert "2 frames" in ran.out
    capture = cv2.VideoCapture(str(tmp_path / "v.avi"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) > 2 * 80


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--out", "v.txt"), "unknown kind of video"),
        (("--out", "v.mp4", "--people", "p.csv"), "unknown kind of parameter file"),
        (("--out", "v.mp4", "--detector", "hog"), "unknown detector"),
    ],
)
def test_wrong_names_are_refused_before_any_work(
    pear, tiny, clip: Path, tmp_path, monkeypatch, extra, said
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = pear("video", clip, *tiny, *extra)
    assert ran.code == 1
    assert said in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["clip.avi"]


def test_what_is_no_video_leaves_nothing(pear, tiny, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("no video")
    ran = pear("video", tmp_path / "v.mp4", "--out", tmp_path / "o.mp4", *tiny)
    assert ran.code == 1
    assert "cannot open the video" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "o.mp4").exists()
