"""`pear image` from picture files to files, with a real (tiny) model."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from pear_ros.cli.image import output_names
from pear_ros.output.records import read_npz
from pear_ros.output.records_json import read_json


def test_all_outputs_of_a_picture(pear, tiny, picture, tmp_path: Path) -> None:
    photo, out = picture("photo.png"), tmp_path / "out"
    ran = pear("image", photo, "--out", out, "--glb", "--ply", "--report", out / "r.html", *tiny)
    assert ran.code == 0, ran.err
    assert sorted(p.name for p in out.iterdir()) == [
        "photo.glb",
        "photo.json",
        "photo.npz",
        "photo_0.ply",
        "photo_overlay.png",
        "r.html",
    ]
    lines = ran.out.splitlines()
    assert lines[:3] == ["1 person in 1 picture", "Look at:", f"  {out / 'r.html'}"]
    assert f"  {out / 'photo_overlay.png'}" in lines
    overlay, original = cv2.imread(str(out / "photo_overlay.png")), cv2.imread(str(photo))
    assert overlay.shape == original.shape
    assert (overlay != original).any()
    exact, readable = read_npz(out / "photo.npz"), read_json(out / "photo.json")
    (human,) = exact.frames[0].humans
    assert exact.sources == readable.sources == (str(photo),)
    assert exact.identity["model"].startswith("tiny@")
    np.testing.assert_array_equal(human.joints, readable.frames[0].humans[0].joints)
    # The same person in every file: the PLY lies in the optical frame, the glb is turned to y up.
    ply = trimesh.load(out / "photo_0.ply", process=False)
    scene = trimesh.load(out / "photo.glb", process=False)
    matrix, name = scene.graph["human_0"]
    world = trimesh.transform_points(scene.geometry[name].vertices, matrix)
    np.testing.assert_allclose(world, ply.vertices * (1, -1, -1), atol=1e-4)
    assert np.abs(ply.vertices.mean(0) - human.transl).max() < 2.5


def test_json_is_for_machines(pear, tiny, picture, tmp_path: Path) -> None:
    ran = pear("image", picture(), "--out", tmp_path / "o", "--json", *tiny)
    content = json.loads(ran.out)
    assert content["ok"] is True
    assert content["pictures"][0]["people"] == 1
    assert all(Path(f).is_file() for f in content["files"])
    assert content["engine"]["model"].startswith("tiny@")


def test_calibration_reaches_the_result(pear, tiny, picture, tmp_path: Path) -> None:
    pear("image", picture(), "--out", tmp_path / "o", "--camera", "70,71,40,30", *tiny)
    (frame,) = read_npz(tmp_path / "o" / "photo.npz").frames
    assert frame.calibrated
    assert (frame.intrinsics.fx, frame.intrinsics.fy) == (70, 71)


def test_one_broken_picture_does_not_stop_the_others(pear, tiny, picture, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture("b.png").read_bytes()[:-40])
    good = picture("good.jpg")
    ran = pear("image", broken, good, tmp_path / "missing.png", "--out", tmp_path / "o", *tiny)
    assert ran.code == 1
    errors = ran.err.splitlines()
    assert len(errors) == 2
    assert "broken.png: picture is cut off" in errors[0]
    assert "missing.png" in errors[1]
    names = sorted(p.name for p in (tmp_path / "o").iterdir())
    assert names == ["good.json", "good.npz", "good_overlay.jpg"]


def test_boxes_from_outside(pear, tiny, picture, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"photo.png": [[5, 5, 40, 55], [42, 8, 70, 50, 0.5]], "*": []}))
    ran = pear(
        "image",
        picture(),
        picture("empty.png"),
        "--boxes",
        boxes,
        "--out",
        tmp_path / "o",
        "--glb",
        *tiny,
    )
    assert ran.code == 0, ran.err
    (two,) = read_npz(tmp_path / "o" / "photo.npz").frames
    assert sorted((h.box.x0, h.box.score) for h in two.humans) == [(5, 1), (42, 0.5)]
    (nobody,) = read_npz(tmp_path / "o" / "empty.npz").frames
    assert nobody.humans == ()
    overlay = cv2.imread(str(tmp_path / "o" / "empty_overlay.png"))
    np.testing.assert_array_equal(overlay, cv2.imread(str(picture("empty.png"))))
    assert not (tmp_path / "o" / "empty.glb").exists()


def test_a_missing_model_is_one_clear_error(pear, picture, tmp_path: Path) -> None:
    ran = pear(
        "image",
        picture(),
        "--out",
        tmp_path / "o",
        "--model",
        "no_such_model",
        "--detector",
        "whole",
    )
    assert ran.code == 1
    assert "no model named no_such_model is installed" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("detector", ["hog", "x.onnx", "x.json"])
def test_an_unusable_detector_is_one_clear_error(
    pear, tiny, picture, tmp_path: Path, detector: str
) -> None:
    ran = pear("image", picture(), "--out", tmp_path / "o", *tiny, "--detector", detector)
    assert ran.code == 1
    assert ran.err.startswith("pear: error: ")
    assert ran.err.count("\n") == 1


def test_same_names_from_different_folders_stay_apart() -> None:
    files = [Path("a/x.png"), Path("b/x.jpg"), Path("x_2.png"), Path("y.png")]
    assert output_names(files) == ["x", "x_2", "x_2_2", "y"]
