"""Every back end against torch in degrees, millimetres, pixels; people, threads, determinism."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from pear_core import layout
from pear_core.body.ehm import Ehm
from pear_core.export.parity import parity_report, torch_outputs
from pear_core.model import checkpoint
from pear_ros.engine import Engine, open_engine
from pear_ros.engine.probe import probe
from pear_ros.problems import PearError
from pear_ros.types import Crop, Parameters, RegressorOutput

BACKENDS = ("openvino", "onnxruntime")


@pytest.fixture(scope="module")
def engines(tiny_model: Any) -> dict[str, Engine]:
    return {name: open_engine(tiny_model.bundle, name, "f32") for name in BACKENDS}


@pytest.fixture(params=BACKENDS)
def engine(request: Any, engines: dict[str, Engine]) -> Engine:
    return engines[request.param]


@pytest.fixture(scope="module")
def models(tiny_model: Any) -> tuple[Any, Ehm]:
    regressor, _ = checkpoint.load(tiny_model.bundle / "model.safetensors")
    return regressor, Ehm.from_folder(tiny_model.body)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:200, :300]
    waves = np.stack([np.sin(x / 17 + y / 29), np.cos(x / 11), np.sin(y / 7)], axis=2)
    return np.clip(128 + 80 * waves + rng.normal(0, 9, (200, 300, 3)), 0, 255).astype(np.uint8)


CROPS = [Crop(60 + 45 * i, 90 + 5 * i, 110 + 30 * i) for i in range(5)]


def arrays(output: RegressorOutput) -> dict[str, np.ndarray]:
    own = {n: getattr(output, n) for n in ("joints", "keypoints", "camera")}
    return own | {f.name: getattr(output.parameters, f.name) for f in fields(Parameters)}


def test_f32_engines_are_torch(engine: Engine, models: Any, squares: Any) -> None:
    report = parity_report(*models, lambda s: probe(engine, s), squares, engine=engine.info.backend)
    assert report.failures() == []
    # Far inside the limits: float32 rounding only.
    assert report.vertices.mean < 2e-3 and report.rotations.worst < 2e-3, report.table()
    assert report.keypoints.worst < 5e-3, report.table()
    # And not because everything is the same person: crops differ by more than the limits.
    angles = torch_outputs(*models, squares)["vertices"]
    assert 1e3 * np.linalg.norm(angles[0] - angles[1], axis=-1).mean() > 1.0


def test_bf16_engine_is_within_its_limits(tiny_model: Any, models: Any, squares: Any) -> None:
    engine = open_engine(tiny_model.bundle, "openvino", "auto")
    if engine.info.precision != "bf16":
        pytest.skip("this CPU has no bfloat16")
    report = parity_report(
        *models, lambda s: probe(engine, s), squares, engine="openvino", precision="bf16"
    )
    assert report.failures() == []
    # It does run in bfloat16, and only the network does: rotations are exact to float32.
    assert report.rotations.worst > 1e-3
    output = engine.regress(squares[0], [Crop(128, 128, 256)])
    norms = np.linalg.norm(output.parameters.rotations, axis=-2)
    np.testing.assert_allclose(norms, 1.0, atol=1e-6)


@pytest.mark.parametrize("people", [0, 1, 2, 3, 4, 5])
def test_any_number_of_people(engine: Engine, picture: np.ndarray, people: int) -> None:
    output = engine.regress(picture, CROPS[:people])
    shapes = {name: value.shape for name, value in arrays(output).items()}
    expected = {n: (people, *layout.FIELDS[n].shape) for n in shapes if n in layout.FIELDS}
    expected |= {
        "joints": (people, 145, 3), "keypoints": (people, 145, 2), "rotations": (people, 52, 3, 3),
    }  # fmt: skip
    assert shapes == expected and len(output) == people
    assert {v.dtype for v in arrays(output).values()} == {np.dtype(np.float32)}
    vertices = engine.mesh(output.parameters)
    assert vertices.shape == (people, 90, 3) and vertices.dtype == np.float32
    assert (output.network_seconds > 0) == (output.crop_seconds > 0) == (people > 0)


def test_people_do_not_influence_each_other(engine: Engine, picture: np.ndarray) -> None:
    together = arrays(engine.regress(picture, CROPS))
    for i, crop in enumerate(CROPS):
        alone = arrays(engine.regress(picture, [crop]))
        for name, value in alone.items():
            np.testing.assert_allclose(value[0], together[name][i], atol=2e-5, err_msg=name)
    swapped = arrays(engine.regress(picture, CROPS[::-1]))
    np.testing.assert_allclose(swapped["joints"][::-1], together["joints"], atol=2e-5)


def test_the_same_call_gives_the_same_bits(engine: Engine, picture: np.ndarray) -> None:
    first = engine.regress(picture, CROPS[:3])
    kept = {name: value.copy() for name, value in arrays(first).items()}
    mesh = engine.mesh(first.parameters)
    engine.regress(picture, CROPS[1:])
    again = engine.regress(picture, CROPS[:3])
    for name, value in arrays(again).items():
        assert np.array_equal(value, kept[name]), name
        # Results belong to the caller: later calls do not write into them.
        assert np.array_equal(arrays(first)[name], kept[name]), name
    assert np.array_equal(engine.mesh(again.parameters), mesh)


def test_threads_get_their_own_answers(engine: Engine, picture: np.ndarray) -> None:
    expected = [engine.regress(picture, [crop]).joints for crop in CROPS]
    jobs = [i % 5 for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: engine.regress(picture, [CROPS[i]]).joints, jobs))
    for i, joints in zip(jobs, found, strict=True):
        np.testing.assert_allclose(joints, expected[i], atol=1e-5)


def test_mesh_and_joints_are_one_body(engine: Engine, models: Any, picture: np.ndarray) -> None:
    # Two graphs on the robot, one body model in torch: all three from the same parameters.
    output = engine.regress(picture, CROPS[:2])
    import torch

    from pear_core.body.parameters import BodyParameters

    parameters = BodyParameters(
        **{f.name: torch.from_numpy(getattr(output.parameters, f.name)) for f in fields(Parameters)}
    )
    with torch.no_grad():
        body = models[1](parameters)
    np.testing.assert_allclose(output.joints, body.joints.numpy(), atol=1e-5)
    np.testing.assert_allclose(engine.mesh(output.parameters), body.vertices.numpy(), atol=1e-5)


def test_info_says_what_runs(engine: Engine) -> None:
    info = engine.info
    assert info.backend in BACKENDS and info.precision == "f32" and info.device == "CPU"
    assert info.identity.model == "tiny" and info.geometry == "numpy" and info.fallback == ""
    assert info.version[0].isdigit()


def test_mesh_refuses_other_parameters(engine: Engine, picture: np.ndarray) -> None:
    parameters = engine.regress(picture, CROPS[:2]).parameters
    with pytest.raises(
        PearError, match=r"parameters\.betas has another shape; expected \(2, 200\)"
    ):
        engine.mesh(replace(parameters, betas=parameters.betas[:, :10]))


def test_bad_pictures_and_crops(engine: Engine, picture: np.ndarray) -> None:
    with pytest.raises(PearError, match="not a usable crop"):
        engine.regress(picture, [CROPS[0], Crop(1, 2, 0)])
    with pytest.raises(PearError, match="not an RGB image"):
        engine.regress(picture[..., 0], CROPS[:1])
