"""Engines keep nothing of tests in the user's cache; bundles for what the tiny one does not have."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pear_core import layout
from pear_ros.engine import trial


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("cache")
    patch.setenv("XDG_CACHE_HOME", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(autouse=True)
def no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of preference instead of a measurement; test_trial.py tests that one itself."""
    monkeypatch.setattr(trial, "ordered", lambda bundle, candidates, *_: list(candidates))


def replace_file(folder: Path, name: str, data: bytes) -> None:
    """Put a file into a bundle, with a manifest that says so."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"][name] = entry
    (folder / "manifest.json").write_text(json.dumps(manifest))


def micro_network(identity: str) -> onnx.ModelProto:
    """crops -> raw: the mean colour of each picture, times a small matrix, plus a standing person."""
    rng = np.random.default_rng(0)
    raw = np.zeros(layout.WIDTH, np.float32)
    pose = np.tile(np.float32([1, 0, 0, 0, 1, 0]), layout.NUM_ROTATIONS)
    raw[layout.FIELDS["pose_6d"].slice] = pose
    raw[layout.FIELDS["head_scale"].slice] = 1.0
    raw[layout.FIELDS["camera"].slice] = (0.0, 0.0, 0.9)
    matrix = rng.normal(0, 0.1, (3, layout.WIDTH)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["crops", "axes"], ["colour"], keepdims=0),
            helper.make_node("Gemm", ["colour", "matrix", "start"], ["raw"]),
        ],
        "micro",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, 256, 192])],
        [helper.make_tensor_value_info("raw", TensorProto.FLOAT, ["N", layout.WIDTH])],
        [
            numpy_helper.from_array(np.array([2, 3]), "axes"),
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(raw, "start"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"pear.identity": identity})
    return model


@pytest.fixture(scope="session")
def micro_bundle(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a network that takes microseconds."""
    folder = Path(shutil.copytree(tiny_model.bundle, tmp_path_factory.mktemp("micro") / "tiny"))
    manifest = json.loads((folder / "manifest.json").read_text())
    identity = json.dumps(manifest["identity"], sort_keys=True, separators=(",", ":"))
    replace_file(folder, "network.onnx", micro_network(identity).SerializeToString())
    return folder


@pytest.fixture(scope="session")
def lowered_bundle(
    tiny_model: Any, tmp_path_factory: pytest.TempPathFactory, squares: np.ndarray
) -> Path:
    """The tiny bundle with network graphs in bfloat16 and INT8."""
    from pear_core.export.calibration import strips
    from pear_core.export.quantise import activation_scales, targets
    from pear_core.export.search import Found
    from pear_core.export.variants import Recipe, load_graph, write_variant

    folder = Path(shutil.copytree(tiny_model.bundle, tmp_path_factory.mktemp("low") / "tiny"))
    network = folder / "network.onnx"
    metadata = {p.key: p.value for p in onnx.load(network).metadata_props}
    model = load_graph(network)
    scales = activation_scales(model, [strips(squares)], targets(model))
    everything = Found(frozenset({"heads.heads"}), {}, 0.0, 1.0)
    for precision in ("bf16", "int8", "w8"):
        recipe = Recipe(precision, everything, scales)  # type: ignore[arg-type]
        name = f"network.{precision}.onnx"
        write_variant(network, folder / name, recipe, metadata)
        replace_file(folder, name, (folder / name).read_bytes())
    return folder
