"""`pear live` on a video: options, status, overlay; without any graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from pear_ros.cli.live import chosen_settings
from pear_ros.problems import PearError


@pytest.fixture
def chosen(tiny_model: Any) -> list[str]:
    settings = {
        "model": tiny_model.bundle, "detector": "whole", "engine": "onnxruntime", "threads": 1,
    }  # fmt: skip
    return [f"--set={name}={value}" for name, value in settings.items()]


def test_a_video_at_its_own_pace(pear: Any, clip: Path, chosen: list[str]) -> None:
    ran = pear("live", clip, "--quiet", *chosen)
    assert ran.code == 0, ran.err
    done, _, rest = ran.out.partition(" of ")
    assert rest.startswith("7 pictures") and 1 <= int(done) <= 7
    replaced = int(rest.split(", ")[1].split()[0])
    assert int(done) + replaced == 7


def test_json_lines_end_with_the_faults(pear: Any, clip: Path, chosen: list[str]) -> None:
    ran = pear("live", clip, "--json", *chosen)
    last = json.loads(ran.out.strip().splitlines()[-1])
    assert ran.code == 0 and last["faults"] == {} and last["frames"] + last["replaced"] == 7
    assert last["people"][0]["scale"] == "NONE" and last["people"][0]["depth_sigma"] is None


def test_slow_playing_loses_nothing_and_the_overlay_has_every_picture(
    pear: Any, clip: Path, chosen: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "seen.avi"
    # At a twentieth of 12.5 Hz nothing can be late, however busy the machine is.
    ran = pear("live", clip, "--quiet", "--rate", "0.5", "--overlay", out, *chosen)
    assert ran.code == 0 and str(out) in ran.out
    reader = cv2.VideoCapture(str(out))
    assert round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) == int(ran.out.split(" of ")[0])


def test_a_bag_with_truthful_names_of_what_is_wrong(pear: Any, tmp_path: Path) -> None:
    for words, expected in (
        ((), "no input"),
        (("missing.mp4",), "no such file"),
        ((tmp_path, "--camera", "0"), "two inputs"),
        ((tmp_path, "--set", "smoothing=perhaps"), "smoothing"),
        ((tmp_path, "--set", "smoooth=true"), "unknown setting"),
        ((tmp_path, "--set", "max_people=99"), "1 to 32"),
        ((tmp_path, "--rate", "0"), "above 0"),
    ):
        ran = pear("live", *words)
        assert ran.code in (1, 2) and expected in ran.err and ran.err.count("\n") == 1, words


def test_an_overlay_of_nothing_leaves_no_file(pear: Any, tmp_path: Path, chosen: list[str]) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    ran = pear("live", broken, "--quiet", "--overlay", tmp_path / "o.avi", *chosen)
    assert ran.code == 1 and ran.err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["broken.mp4"]


def test_settings_from_words_have_their_types() -> None:
    settings = chosen_settings(["max_people=3", "smoothing=False", "silence=4", "model=a/b=c"])
    assert (settings.max_people, settings.smoothing, settings.silence) == (3, False, 4.0)
    assert settings.model == "a/b=c"
    with pytest.raises(PearError, match="max_people"):
        chosen_settings(["max_people=many"])
