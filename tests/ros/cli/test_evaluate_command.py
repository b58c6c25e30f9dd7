"""`pear evaluate`: numbers against hand-made truth in the same or another bag."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pear_ros.messages import codec
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.replay.writer import BagWriter
from pear_ros.types import (
    Box,
    Crop,
    Human,
    HumanFrame,
    Intrinsics,
    Parameters,
    ScaleSource,
    TrackState,
)  # fmt: skip

STAMPS = (1_000_000_000, 1_033_000_000, 1_066_000_000)


def person(track_id: int, shift: float) -> Human:
    rng = np.random.default_rng(3)
    joints = rng.normal(0, 0.3, (145, 3)).astype(np.float32) + np.array([0, 0, 3], np.float32)
    joints[:, 0] += np.float32(shift)
    pixels = (100 * joints[:, :2] / joints[:, 2:] + 50).astype(np.float32)
    widths = {"betas": 200, "expression": 50, "hand_scale": 3, "head_scale": 3, "eye_pose": 6,
              "jaw_pose": 3, "eyelids": 2, "flame_shape": 300, "flame_expression": 50}  # fmt: skip
    arrays = {name: np.zeros((1, width), np.float32) for name, width in widths.items()}
    own = Parameters(np.tile(np.eye(3, dtype=np.float32), (1, 52, 1, 1)), **arrays)
    return Human(
        track_id, TrackState.TRACKED, Box(0, 0, 90, 90), Crop(45, 45, 90), own, own,
        np.zeros(3, np.float32), np.zeros(3, np.float32), joints, pixels,
        np.ones(145, np.float32), ScaleSource.INTRINSICS, 0.1,
    )  # fmt: skip


def frame(stamp: int, *people: Human) -> bytes:
    k = Intrinsics(100, 100, 50, 50, 100, 100)
    return human_array(HumanFrame(stamp, "camera", 100, 100, k, True, people), Identity())


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Truth in three pictures; answers in two, 5 cm to the right, with another id in the second."""
    path = tmp_path / "people.mcap"
    with BagWriter(path) as out:
        humans = out.add_topic("/humans", codec.HUMAN_ARRAY)
        truth = out.add_topic("/truth", codec.HUMAN_ARRAY)
        for stamp in STAMPS:
            out.write(truth, stamp, frame(stamp, person(0, 0.0)))
        for stamp, track_id in zip(STAMPS[:2], (4, 5)):
            out.write(humans, stamp, frame(stamp, person(track_id, 0.05)))
    return path


def test_a_shift_is_a_place_and_no_pose(pear: Any, bag: Path, tmp_path: Path) -> None:
    out = tmp_path / "errors.json"
    ran = pear("evaluate", bag, "--truth", "/truth", "--out", out)
    assert ran.code == 0, ran.err
    assert "2 of 3 pictures answered" in ran.out and str(out) in ran.out
    told = json.loads(out.read_text())
    errors = told["errors_against_truth"]
    assert (told["pictures"], told["answered"]) == (3, 2)
    assert errors["position_mm"] == pytest.approx(50.0, abs=1e-3)
    assert errors["mpjpe"] == pytest.approx(0.0, abs=1e-3)
    assert (errors["missed"], errors["extra"], errors["id_switches"]) == (0, 0, 1)


def test_truth_from_another_bag(pear: Any, bag: Path, tmp_path: Path) -> None:
    other = tmp_path / "truth.mcap"
    with BagWriter(other) as out:
        truth = out.add_topic("/truth", codec.HUMAN_ARRAY)
        out.write(truth, STAMPS[0], frame(STAMPS[0], person(0, 0.05)))
    ran = pear("evaluate", bag, "--truth", "truth", "--truth-bag", other, "--json")
    told = json.loads(ran.out)
    assert told["answered"] == 1
    assert told["errors_against_truth"]["position_mm"] == pytest.approx(0.0, abs=1e-3)


def test_stamps_that_never_meet_are_one_clear_error(pear: Any, bag: Path, tmp_path: Path) -> None:
    other = tmp_path / "truth.mcap"
    with BagWriter(other) as out:
        truth = out.add_topic("/truth", codec.HUMAN_ARRAY)
        out.write(truth, 5, frame(5, replace(person(0, 0.0))))
    ran = pear("evaluate", bag, "--truth", "/truth", "--truth-bag", other)
    assert ran.code == 1 and "no picture has both" in ran.err and ran.err.count("\n") == 1
    ran = pear("evaluate", bag, "--truth", "/nothing")
    assert ran.code == 1 and "no truth on /nothing" in ran.err
