"""A graph whose weights lie in a file beside it runs like the same graph in one piece."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pear_ros.engine import open_engine
from pear_ros.engine.probe import probe
from pear_ros.problems import PearError


@pytest.fixture
def split(tiny_model: Any, tmp_path: Path) -> Path:
    folder = tmp_path / Path(tiny_model.bundle).name
    shutil.copytree(tiny_model.bundle, folder)
    graph = onnx.load(folder / "network.onnx")
    onnx.save_model(
        graph,
        folder / "network.onnx",
        save_as_external_data=True,
        location="network.onnx.data",
        size_threshold=1024,
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("network.onnx", "network.onnx.data"):
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert (folder / "network.onnx.data").stat().st_size > 1e6
    return folder


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_numbers_are_those_of_the_whole_file(tiny_model: Any, split: Path, backend: str) -> None:
    squares = np.random.default_rng(0).integers(0, 255, (2, 256, 256, 3), dtype=np.uint8)
    whole, parts = (
        probe(open_engine(folder, backend, "f32"), squares) for folder in (tiny_model.bundle, split)
    )
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, atol=1e-6)


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_damaged_weights_are_refused(split: Path, damage: str) -> None:
    path = split / "network.onnx.data"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "changed":
        content[1000] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(PearError, match=r"network\.onnx\.data"):
        open_engine(split, "onnxruntime", "f32")
