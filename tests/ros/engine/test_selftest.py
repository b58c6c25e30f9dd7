"""The self-test passes the engine of the bundle and says why it refuses any other."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pear_ros.engine import open_engine
from pear_ros.engine.bundle import SELFTEST
from pear_ros.engine.selftest import LIMITS, self_test


class Bent:
    """The engine with something wrong: vertices moved, key points moved, or it fails."""

    def __init__(self, engine: Any, vertices: float = 0.0, keypoints: float = 0.0) -> None:
        self._engine, self._vertices, self._keypoints = engine, vertices, keypoints
        self.info, self.topology = engine.info, engine.topology

    def regress(self, image: Any, crops: Any) -> Any:
        output = self._engine.regress(image, crops)
        moved = output.keypoints + np.float32([self._keypoints, 0])
        return replace(output, keypoints=moved)

    def joints(self, parameters: Any) -> Any:
        return self._engine.joints(parameters)

    def mesh(self, parameters: Any) -> Any:
        return self._engine.mesh(parameters) + np.float32([0, self._vertices, 0])


@pytest.fixture(scope="module")
def engine(tiny_model: Any) -> Any:
    return open_engine(tiny_model.bundle, "onnxruntime", "f32")


def test_the_engine_of_the_bundle_passes(engine: Any, tiny_model: Any) -> None:
    result = self_test(engine, tiny_model.bundle)
    assert result.ok and result.reason == ""
    assert 0 <= result.mean_vertex_mm < 2e-3 and 0 <= result.mean_keypoint_px < 5e-3


def test_moved_vertices_are_measured_and_refused(engine: Any, tiny_model: Any) -> None:
    # Three millimetres along y for every vertex: the mean is 3 mm.
    result = self_test(Bent(engine, vertices=0.003), tiny_model.bundle)
    assert not result.ok and abs(result.mean_vertex_mm - 3.0) < 0.01
    assert "mean vertex error 3" in result.reason and "expected at most 0.5" in result.reason
    assert self_test(Bent(engine, vertices=0.0003), tiny_model.bundle).ok


def test_a_misplaced_crop_is_refused(engine: Any, tiny_model: Any) -> None:
    # A hundredth of the crop is 2.56 pixels; the vertices are right.
    result = self_test(Bent(engine, keypoints=0.01), tiny_model.bundle)
    assert not result.ok and abs(result.mean_keypoint_px - 2.56) < 0.01
    assert "key point" in result.reason and "vertex" not in result.reason


def test_nan_and_failures_are_refused(engine: Any, tiny_model: Any) -> None:
    assert not self_test(Bent(engine, vertices=math.nan), tiny_model.bundle).ok
    failing = Bent(engine)
    failing.mesh = lambda parameters: 1 / 0  # type: ignore[method-assign]
    result = self_test(failing, tiny_model.bundle)
    assert (result.ok, math.isnan(result.mean_vertex_mm)) == (False, True)
    assert result.reason == "ZeroDivisionError: division by zero"


def test_an_engine_of_another_model_is_refused(engine: Any, tiny_model: Any) -> None:
    other = Bent(engine)
    other.info = replace(engine.info, identity=replace(engine.info.identity, model="other"))
    result = self_test(other, tiny_model.bundle)
    assert not result.ok and "the engine runs another model; expected tiny" in result.reason


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / SELFTEST).write_bytes(b"PK"), "another size than the manifest's"),
        (lambda folder: _unlist(folder), "the bundle carries no self-test; expected a new export"),
    ],
)
def test_a_bundle_without_a_sound_one(
    engine: Any, tiny_model: Any, tmp_path: Path, damage: Any, message: str
) -> None:
    folder = Path(shutil.copytree(tiny_model.bundle, tmp_path / "tiny"))
    damage(folder)
    result = self_test(engine, folder)
    assert not result.ok and message in result.reason, result.reason


def test_lower_precisions_may_be_further_away() -> None:
    mm = [LIMITS[name][0] for name in ("f32", "f16", "bf16", "int8")]
    assert mm == sorted(mm) and mm[-1] < 50


def _unlist(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][SELFTEST]
    (folder / "manifest.json").write_text(json.dumps(manifest))
