"""Where models are looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pear_ros
from pear_ros import assets
from pear_ros.problems import PearError


def bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "network.onnx").touch()
    return folder


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(
        "PEAR_MODELS", os.pathsep.join((str(tmp_path / "one"), str(tmp_path / "two")))
    )
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "ros"))


def test_order_of_the_folders(tmp_path: Path) -> None:
    package = Path(pear_ros.__file__).resolve().parent
    assert assets.search_path() == (
        tmp_path / "one",
        tmp_path / "two",
        tmp_path / "ros" / "share" / "pear" / "models",
        package / "_models",
        package.parent / "models",
    )


def test_first_folder_wins_and_the_installed_one_is_found(tmp_path: Path) -> None:
    ros = bundle(tmp_path / "ros" / "share" / "pear" / "models" / "m")
    assert assets.model_dir("m") == ros
    second = bundle(tmp_path / "two" / "m")
    assert assets.model_dir("m") == second
    assert [p for p in assets.bundles() if p.name == "m"] == [second]


def test_a_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = bundle(tmp_path / "own" / "m")
    assert assets.model_dir(str(own)) == own
    monkeypatch.chdir(tmp_path / "own")
    assert assets.model_dir("m").resolve() == own
    with pytest.raises(PearError, match=r"a folder with network\.onnx.*no folder"):
        assets.model_dir(str(tmp_path / "nowhere" / "m"))


def test_an_unknown_name_says_where_it_was_looked_for(tmp_path: Path) -> None:
    bundle(tmp_path / "one" / "other")
    with pytest.raises(PearError) as caught:
        assets.model_dir("unknown_model")
    message = str(caught.value)
    assert "unknown_model" in message
    assert str(tmp_path / "two" / "unknown_model") in message
    assert "PEAR_MODELS" in message
    assert "other" in message
    with pytest.raises(PearError, match=r"demo/nothing\.png"):
        assets.find("demo/nothing.png")


def test_bodies_are_told_from_models(tmp_path: Path) -> None:
    body = tmp_path / "one" / "some_body"
    body.mkdir(parents=True)
    (body / "SMPLX_NEUTRAL.npz").touch()
    assert body in assets.bodies()
    assert body not in assets.bundles()
    assert assets.body_dir("some_body") == body
    assert assets.body_dir(str(body)) == body
