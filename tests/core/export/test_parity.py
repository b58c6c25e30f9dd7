"""The parity report measures known deviations exactly, and fails when it should."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.anatomy import EHM_JOINTS
from pear_core.body.ehm import Ehm
from pear_core.export.parity import (
    LIMITS,
    ROTATION_JOINTS,
    geodesic_degrees,
    parity_report,
    torch_outputs,
)
from pear_core.model import checkpoint


@pytest.fixture(scope="module")
def models(tiny_model: Any) -> tuple[Any, Ehm]:
    regressor, _ = checkpoint.load(tiny_model.bundle / "model.safetensors")
    return regressor, Ehm.from_folder(tiny_model.body)


@pytest.fixture(scope="module")
def exact(models: Any, squares: Any) -> dict[str, Any]:
    return torch_outputs(*models, squares)


def report(models: Any, squares: Any, outputs: dict[str, Any], precision: str = "f32") -> Any:
    return parity_report(*models, lambda _: outputs, squares, engine="fake", precision=precision)


def test_equal_outputs_are_parity(models: Any, squares: Any, exact: dict[str, Any]) -> None:
    result = report(models, squares, exact)
    assert result.failures() == [] and result.vertices.worst == 0.0 and result.crops == 5


def test_known_deviations_come_back_in_their_units(
    models: Any, squares: Any, exact: dict[str, Any]
) -> None:
    bent = {name: value.astype(np.float64) for name, value in exact.items()}
    turn = Rotation.from_rotvec([0, np.deg2rad(2.0), 0]).as_matrix()
    bent["rotations"][3, 17] = bent["rotations"][3, 17] @ turn
    bent["vertices"][1, 42] += [0.003, 0.0, 0.004]
    bent["joints"][2, 15] += [0.0, 0.002, 0.0]
    bent["keypoints"][4, 131] += [0.0, 1 / 256]
    bent["camera"][0] += [0.0, 0.0, 0.1]
    result = report(models, squares, bent)
    assert result.rotations.worst == pytest.approx(2.0, abs=1e-4)
    assert result.rotations.mean == pytest.approx(2.0 / (5 * 52), abs=1e-5)
    assert (result.rotations.worst_crop, result.rotations.worst_item) == (3, "right_shoulder")
    assert result.degrees_per_joint["right_shoulder"] == pytest.approx(0.4, abs=1e-4)
    assert result.vertices.worst == pytest.approx(5.0, abs=1e-4)
    assert (result.vertices.worst_crop, result.vertices.worst_item) == (1, "vertex 42")
    assert (result.joints.worst, result.joints.worst_item) == (pytest.approx(2.0, abs=1e-4), "head")
    assert result.keypoints.worst == pytest.approx(1.0, abs=1e-4)
    assert result.keypoints.worst_item == EHM_JOINTS[131]
    assert result.camera.worst == pytest.approx(0.1, abs=1e-6)
    assert [line.split()[0] for line in result.failures()] == ["max_vertex_mm", "max_keypoint_px"]
    assert "FAIL max_vertex_mm 5 exceeds 1" in result.table()
    stored = json.loads(result.to_json())
    assert stored["vertices"]["worst_item"] == "vertex 42" and len(stored["failures"]) == 2


def test_a_constant_shift_fails_the_mean(models: Any, squares: Any, exact: dict[str, Any]) -> None:
    shifted = exact | {"vertices": exact["vertices"] + np.float32(6e-5)}
    result = report(models, squares, shifted)
    assert result.vertices.mean == pytest.approx(0.06 * np.sqrt(3), rel=0.01)
    assert result.failures() == ["mean_vertex_mm 0.1039 exceeds 0.05"]


def test_nan_is_never_parity(models: Any, squares: Any, exact: dict[str, Any]) -> None:
    broken = {name: value.copy() for name, value in exact.items()}
    broken["vertices"][2, 3, 1] = np.nan
    result = report(models, squares, broken, "bf16")
    assert result.vertices.worst == np.inf
    assert {line.split()[0] for line in result.failures()} == {"mean_vertex_mm", "max_vertex_mm"}


def test_other_shapes_are_an_error(models: Any, squares: Any, exact: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fake: output joints expected .* found \(5, 144, 3\)"):
        report(models, squares, exact | {"joints": exact["joints"][:, 1:]})
    with pytest.raises(ValueError, match="found nothing"):
        report(models, squares, {})


def test_limits_of_every_precision_are_ordered() -> None:
    assert LIMITS["f32"].mean_vertex_mm == 0.05
    for name in ("mean_vertex_mm", "max_vertex_mm", "mean_degrees", "max_keypoint_px"):
        assert getattr(LIMITS["f32"], name) < getattr(LIMITS["bf16"], name)


def test_rotation_names() -> None:
    assert len(ROTATION_JOINTS) == 52
    assert (ROTATION_JOINTS[21], ROTATION_JOINTS[22], ROTATION_JOINTS[51]) == (
        "right_wrist", "left_index1", "right_thumb3",
    )  # fmt: skip


@given(st.floats(1e-6, 179.9), st.integers(0, 2**32 - 1))
def test_geodesic_degrees_against_scipy(degrees: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    turn = Rotation.from_rotvec(np.deg2rad(degrees) * axis / np.linalg.norm(axis))
    first = Rotation.random(rng=seed)
    measured = geodesic_degrees(first.as_matrix(), (first * turn).as_matrix())
    assert measured == pytest.approx(np.rad2deg(turn.magnitude()), rel=1e-5, abs=1e-9)


def test_share_of_limits_is_the_tightest_of_them(
    models: Any, squares: Any, exact: dict[str, Any]
) -> None:
    bent = {name: value.copy() for name, value in exact.items()}
    bent["vertices"] = bent["vertices"] + np.float32([0.002, 0, 0])
    found = report(models, squares, bent, "int8")
    # 2 mm of 4 on the mean; of 100 at worst.
    assert found.share_of_limits() == pytest.approx(0.5, abs=1e-3)
    bent["keypoints"][0, 3] += np.float32([50 / 256, 0])
    found = report(models, squares, bent, "int8")
    assert found.share_of_limits() == pytest.approx(2.0, abs=1e-3)
    bent["vertices"][0, 0] = np.nan
    assert report(models, squares, bent, "int8").share_of_limits() == np.inf


def test_worst_crops_are_listed(models: Any, squares: Any, exact: dict[str, Any]) -> None:
    bent = {name: value.copy() for name, value in exact.items()}
    for crop, metres in ((3, 0.004), (1, 0.001)):
        bent["vertices"][crop] += np.float32([0, metres, 0])
    found = report(models, squares, bent, "int8")
    assert [w["crop"] for w in found.worst_crops(2)] == [3, 1]
    assert found.worst_crops(1)[0]["mean_vertex_mm"] == pytest.approx(4.0, abs=1e-3)
    assert json.loads(found.to_json())["worst_crops"][0]["crop"] == 3


def test_promised_limits() -> None:
    assert LIMITS["f16"].mean_vertex_mm == 0.5
    assert (LIMITS["int8"].mean_vertex_mm, LIMITS["int8"].mean_degrees) == (4.0, 1.0)
