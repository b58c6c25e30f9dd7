"""What every engine promises, whichever back end runs it. Back ends that are not here are skipped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pear_core import layout
from pear_ros.engine import Engine, open_engine
from pear_ros.engine.buckets import BUCKETS
from pear_ros.engine.open import BY_NAME
from pear_ros.engine.selftest import self_test
from pear_ros.problems import PearError
from pear_ros.types import Crop, Parameters, RegressorOutput

CROPS = [Crop(20 + 15 * i, 90 - 3 * i, 60 + 20 * i) for i in range(17)]
LOWER = [("openvino", "bf16"), ("openvino", "int8"), ("openvino", "w8"), ("onnxruntime", "int8")]


def opened(bundle: Path, backend: str, precision: str = "f32") -> Engine:
    try:
        return open_engine(bundle, backend, precision)
    except PearError as error:
        pytest.skip(f"{backend} {precision}: {error}")


@pytest.fixture(scope="module", params=BY_NAME)
def engine(request: Any, micro_bundle: Path) -> Engine:
    return opened(micro_bundle, request.param)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (180, 320, 3), dtype=np.uint8)


def arrays(output: RegressorOutput) -> dict[str, np.ndarray]:
    own = {n: getattr(output, n) for n in ("joints", "keypoints", "camera")}
    return own | {f.name: getattr(output.parameters, f.name) for f in fields(Parameters)}


def test_any_number_of_people_in_their_order(engine: Engine, picture: np.ndarray) -> None:
    alone = [arrays(engine.regress(picture, [crop])) for crop in CROPS]
    for people in range(18):
        output = engine.regress(picture, CROPS[:people])
        for name, value in arrays(output).items():
            assert value.shape[0] == people and value.dtype == np.float32, name
            expected = [single[name][0] for single in alone[:people]]
            if people:
                np.testing.assert_allclose(value, expected, atol=2e-5, err_msg=name)
        vertices = engine.mesh(output.parameters)
        assert vertices.shape == (people, engine.topology.num_vertices, 3)
        assert vertices.dtype == np.float32
    # People differ, or their order would show nowhere.
    assert np.ptp([single["betas"][0, 0] for single in alone]) > 1e-3


def test_the_same_call_gives_the_same_bits_and_keeps_them(
    engine: Engine, picture: np.ndarray
) -> None:
    first = arrays(engine.regress(picture, CROPS[:3]))
    kept = {name: value.copy() for name, value in first.items()}
    for people in (*BUCKETS, 17):
        engine.regress(picture[::-1].copy(), CROPS[:people])
    again = arrays(engine.regress(picture, CROPS[:3]))
    for name, value in kept.items():
        assert np.array_equal(value, again[name]) and np.array_equal(value, first[name]), name


def test_joints_and_vertices_of_given_parameters(engine: Engine, picture: np.ndarray) -> None:
    output = engine.regress(picture, CROPS[:5])
    np.testing.assert_allclose(engine.joints(output.parameters), output.joints, atol=1e-5)
    again = engine.mesh(output.parameters.person(3))
    np.testing.assert_allclose(again[0], engine.mesh(output.parameters)[3], atol=1e-5)


def test_threads_get_their_own_answers(engine: Engine, picture: np.ndarray) -> None:
    calls = [CROPS[i : i + n] for i in range(4) for n in (1, 2, 5)]
    expected = [engine.regress(picture, crops) for crops in calls]
    meshes = [engine.mesh(output.parameters) for output in expected]

    def call(i: int) -> tuple[np.ndarray, np.ndarray]:
        output = engine.regress(picture, calls[i])
        return output.joints, engine.mesh(output.parameters)

    jobs = [i % len(calls) for i in range(96)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(call, jobs))
    for i, (joints, vertices) in zip(jobs, found, strict=True):
        np.testing.assert_allclose(joints, expected[i].joints, atol=1e-5)
        np.testing.assert_allclose(vertices, meshes[i], atol=1e-5)


def test_memory_stays_over_ten_thousand_calls(engine: Engine, picture: np.ndarray) -> None:
    small = np.ascontiguousarray(picture[:40, :40])
    crops = [Crop(20, 20, 30), Crop(15, 20, 20)]
    parameters = engine.regress(small, crops).parameters
    batches = [np.full((n, 3, 256, 192), 0.5, np.float32) for n in (1, 2, 3)]
    network = getattr(engine, "_network", None)

    def calls(count: int) -> None:
        for i in range(count):
            # The network by itself nine times of ten: cropping would take all the time.
            if network is None or i % 10 == 0:
                engine.regress(small, crops[: 1 + i % 2])
            else:
                network.run({"crops": batches[i % 3]})
            if i % 100 == 0:
                engine.mesh(parameters)

    calls(1500)
    before = resident()
    calls(10_000)
    # One leaked raw vector per call would be 37 MB, one picture 6 GB.
    assert resident() - before < 6_000_000


def resident() -> int:
    """Bytes of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "bad",
    [
        lambda p: p.astype(np.float32),
        lambda p: p[..., 0],
        lambda p: p[..., :2],
        lambda p: p[None],
        lambda p: p[:0],
        lambda p: np.repeat(p, 2, axis=2),
    ],
)
def test_other_pictures_are_refused(engine: Engine, picture: np.ndarray, bad: Any) -> None:
    with pytest.raises(PearError, match="image"):
        engine.regress(bad(picture), CROPS[:1])


@pytest.mark.parametrize(
    "crop",
    [Crop(5, 5, 0), Crop(5, 5, -1), Crop(float("nan"), 5, 9), Crop(5, float("inf"), 9)],
)
def test_crops_without_area_are_refused(engine: Engine, picture: np.ndarray, crop: Crop) -> None:
    with pytest.raises(PearError, match="not a usable crop"):
        engine.regress(picture, [CROPS[0], crop])


def test_other_parameters_are_refused(engine: Engine, picture: np.ndarray) -> None:
    parameters = engine.regress(picture, CROPS[:2]).parameters
    for name, wrong in (
        ("betas", parameters.betas[:, :10]),
        ("rotations", parameters.rotations[:, :51]),
        ("jaw_pose", parameters.jaw_pose[:1]),
    ):
        with pytest.raises(PearError, match=f"parameters.{name} has another shape"):
            engine.mesh(replace(parameters, **{name: wrong}))
        with pytest.raises(PearError, match=f"parameters.{name} has another shape"):
            engine.joints(replace(parameters, **{name: wrong}))
    # Double precision is another dtype, not another meaning: it is converted.
    double = replace(parameters, betas=parameters.betas.astype(np.float64))
    np.testing.assert_array_equal(engine.mesh(double), engine.mesh(parameters))


@pytest.mark.parametrize("backend", BY_NAME)
def test_a_graph_of_another_model_is_refused(
    micro_bundle: Path, tmp_path: Path, backend: str
) -> None:
    opened(micro_bundle, backend)
    folder = Path(shutil.copytree(micro_bundle, tmp_path / "tiny"))
    model = onnx.load(folder / "network.onnx")
    for entry in model.metadata_props:
        entry.value = entry.value.replace('"model":"tiny"', '"model":"other"')
    rewrite(folder, "network.onnx", model)
    with pytest.raises(PearError, match=r"network\.onnx: belongs to another model"):
        open_engine(folder, backend)


@pytest.mark.parametrize("backend", BY_NAME)
def test_what_it_runs_passes_its_self_test(tiny_model: Any, backend: str) -> None:
    engine = opened(tiny_model.bundle, backend)
    result = self_test(engine, tiny_model.bundle)
    assert result.ok, result.reason


@pytest.mark.parametrize(("backend", "precision"), LOWER)
def test_lower_precisions_are_rounded_and_pass_too(
    lowered_bundle: Path, squares: np.ndarray, backend: str, precision: str
) -> None:
    exact = opened(lowered_bundle, "onnxruntime")
    low = opened(lowered_bundle, backend, precision)
    assert low.info.precision == precision and low.info.backend == backend
    result = self_test(low, lowered_bundle)
    assert result.ok, result.reason
    image = squares[0]
    crop = [Crop(128, 128, 256)]
    first, second = exact.regress(image, crop), low.regress(image, crop)
    difference = np.abs(first.joints - second.joints).max()
    # Metres; nothing at all would mean that the float32 graph ran.
    assert 2e-5 < difference < 0.05


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_graph_of_lower_precision_of_another_model_is_refused(
    lowered_bundle: Path, tmp_path: Path, precision: str
) -> None:
    opened(lowered_bundle, "openvino", precision)
    folder = Path(shutil.copytree(lowered_bundle, tmp_path / "tiny"))
    name = f"network.{precision}.onnx"
    model = onnx.load(folder / name)
    del model.metadata_props[:]
    rewrite(folder, name, model)
    with pytest.raises(PearError, match="ONNX graph without pear's identity"):
        open_engine(folder, "openvino", precision)


def rewrite(folder: Path, name: str, model: onnx.ModelProto) -> None:
    data = model.SerializeToString()
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Cramped:
    """A session with room for two people only, which says so in one back end's words or another's."""

    def __init__(self, session: Any, error: Exception) -> None:
        self._session, self._error, self.calls = session, error, []

    def run(self, inputs: Any) -> Any:
        count = len(next(iter(inputs.values())))
        self.calls.append(count)
        if count > 2:
            raise self._error
        return self._session.run(inputs)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer"),
        RuntimeError("CUDA failure 2: out of memory"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=lambda e: type(e).__name__ + str(e)[:12],
)
def test_out_of_memory_halves_the_bucket(
    micro_bundle: Path, picture: np.ndarray, error: Exception
) -> None:
    engine: Any = opened(micro_bundle, "onnxruntime")
    expected = engine.regress(picture, CROPS[:7])
    cramped = Cramped(engine._network._session, error)
    engine._network._session = cramped
    found = engine.regress(picture, CROPS[:7])
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-6)
    assert engine._network.largest == 2
    assert cramped.calls == [7, 4, 2, 2, 2, 1]
    # Remembered: the next call does not try again.
    engine.regress(picture, CROPS[:3])
    assert cramped.calls[6:] == [2, 1]


def test_other_errors_are_not_taken_for_it(micro_bundle: Path, picture: np.ndarray) -> None:
    engine: Any = opened(micro_bundle, "onnxruntime")
    engine._network._session = Cramped(engine._network._session, RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        engine.regress(picture, CROPS[:4])


def test_raw_layout_is_the_networks(micro_bundle: Path, picture: np.ndarray) -> None:
    """The micro network by hand: what the engine calls betas is where the layout says."""
    engine = opened(micro_bundle, "onnxruntime")
    output = engine.regress(np.zeros_like(picture), CROPS[:1])
    np.testing.assert_allclose(output.camera, [[0.0, 0.0, 0.9]], atol=1e-6)
    np.testing.assert_allclose(output.parameters.head_scale, 1.0, atol=1e-6)
    np.testing.assert_allclose(output.parameters.betas, 0.0, atol=1e-6)
    eye = np.broadcast_to(np.eye(3), (1, layout.NUM_ROTATIONS, 3, 3))
    np.testing.assert_allclose(output.parameters.rotations, eye, atol=1e-6)
