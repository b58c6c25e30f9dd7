"""`pear export`: the thin part on the robot's side."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from pear_core.export import variants
from pear_core.export.crops import pack_crops
from pear_ros.cli import parity
from pear_ros.cli.export import checkpoint_of
from pear_ros.engine import open_engine
from pear_ros.engine.selftest import self_test
from pear_ros.problems import PearError


def test_without_torch_it_says_what_to_install(
    pear, tiny_model, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "pear_core.export.bundle", raising=False)
    ran = pear("export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", tmp_path / "m")
    assert ran.code == 1
    assert "pip install 'pear-ros[export]'" in ran.err
    assert not (tmp_path / "m").exists()


def test_a_file_that_is_no_checkpoint_is_one_error(pear, tiny_model, tmp_path: Path) -> None:
    (tmp_path / "c.safetensors").write_bytes(b"nothing")
    ran = pear(
        "export", tmp_path / "c.safetensors", "--body", tiny_model.body, "--out", tmp_path / "m"
    )
    assert ran.code == 1
    assert "c.safetensors" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "m").exists()


@pytest.fixture
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = np.random.default_rng(0).integers(0, 255, (11, 256, 256, 3), dtype=np.uint8)
    monkeypatch.setattr(parity, "shipped_crops", lambda: squares)


@pytest.fixture
def traced_before(monkeypatch: pytest.MonkeyPatch, tiny_model) -> None:
    """Tracing the tiny model's graphs takes torch many seconds; here they are copied."""
    from pear_core.export import bundle

    def copy(graph: object, path: Path, metadata: dict[str, str]) -> None:
        model = onnx.load(tiny_model.bundle / path.name)
        onnx.helper.set_model_props(model, metadata)
        path.write_bytes(model.SerializeToString())

    monkeypatch.setattr(bundle, "export_graph", copy)


def test_an_export_ends_with_parity(pear, tiny_model, tmp_path: Path, few_crops: None) -> None:
    out = tmp_path / "m"
    ran = pear("export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", out, "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert {(r["engine"], r["precision"]) for r in said["parity"]} >= {
        ("openvino", "f32"), ("onnxruntime", "f32"),
    }  # fmt: skip
    assert json.loads((out / "parity.json").read_text()) == said["parity"]
    assert "openvino f32: mean vertex" in (out / "parity.svg").read_text()
    # The sample of the self-test is the shipped crop.
    assert self_test(open_engine(out, "openvino", "f32"), out).ok
    with np.load(out / "selftest.npz") as stored:
        assert np.array_equal(stored["square"], parity.shipped_crops()[parity.SAMPLE])
    assert "openvino f32 against torch, 11 crops" in ran.err
    refused = json.loads((out / "manifest.json").read_text())["refused_precisions"]
    failed = {r["precision"] for r in said["parity"] if r["failures"]}
    assert set(refused) == failed


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_what_deviates_is_refused(
    pear, tiny_model, tmp_path: Path, few_crops: None, monkeypatch: pytest.MonkeyPatch,
    precision: str, traced_before: None,
) -> None:  # fmt: skip
    real = parity.probe

    def wrong(engine, squares):
        outputs = real(engine, squares)
        if engine.info.precision == precision:
            outputs["vertices"] = outputs["vertices"] + np.float32(0.1)
        return outputs

    monkeypatch.setattr(parity, "probe", wrong)
    out = tmp_path / "m"
    ran = pear("export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", out)
    if precision == "f32":
        assert ran.code == 1 and "do not agree with torch" in ran.err
        assert not out.exists() and list(tmp_path.iterdir()) == []
    elif "not compared: openvino bf16" not in ran.out:
        assert ran.code == 0
        assert "bf16 is refused for this model" in ran.out
        assert open_engine(out, "openvino", "auto").info.precision == "f32"
        with pytest.raises(PearError, match="bf16 is too far from float32 for this model"):
            open_engine(out, "openvino", "bf16")


@pytest.fixture
def calibration(tmp_path: Path, squares: np.ndarray) -> Path:
    files = [cv2.imencode(".png", square)[1].tobytes() for square in squares]
    path = tmp_path / "calibration.npz"
    path.write_bytes(pack_crops(files))
    return path


def test_lower_precisions_are_exported_measured_and_run(
    pear, tiny_model, tmp_path: Path, few_crops: None, calibration: Path, traced_before: None
) -> None:
    out = tmp_path / "low" / "m"
    ran = pear(
        "export", tiny_model.bundle, "--body", tiny_model.body, "--out", out, "--json",
        "--to", "onnx", "openvino", "--precision", "fp32", "int8", "--weights", "int8",
        "--calibration", calibration,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)["parity"]
    assert {(r["engine"], r["precision"]) for r in said} >= {
        ("types of the graph", "int8"), ("types of the graph", "w8"), ("openvino", "int8"),
        ("openvino", "w8"), ("onnxruntime", "int8"), ("onnxruntime", "f32"),
    }  # fmt: skip
    for report in said:
        if report["precision"] in ("int8", "w8"):
            # Within the limits, and not by running float32.
            assert not report["failures"] and report["vertices"]["mean"] > 1e-3, report["engine"]
    graph = json.loads((out / "manifest.json").read_text())["graphs"]["network.int8.onnx"]
    assert graph["computes"] == "int8" and "heads.heads" in graph["float32_modules"]
    for backend in ("openvino", "onnxruntime"):
        assert self_test(open_engine(out, backend, "int8"), out).ok


def test_a_rest_beyond_the_limits_is_measured_again_in_float32(
    pear, tiny_model, tmp_path: Path, few_crops: None, calibration: Path,
    monkeypatch: pytest.MonkeyPatch, traced_before: None,
) -> None:  # fmt: skip
    monkeypatch.setattr(variants, "rest_share", lambda *_: 0.1)
    monkeypatch.setattr(
        variants, "search", lambda *_: variants.Found(frozenset({"heads.heads"}), {}, 0.1, 0.9)
    )
    real, rests = parity.probe, []

    def wrong(engine, squares):
        outputs = real(engine, squares)
        if (engine.info.backend, engine.info.precision) == ("openvino", "int8"):
            (folder,) = (tmp_path / "low").iterdir()
            graphs = json.loads((folder / "manifest.json").read_text())["graphs"]
            rests.append(graphs["network.int8.onnx"]["rest"])
            if rests[-1] == "bf16":
                outputs["vertices"] = outputs["vertices"] + np.float32(0.1)
        return outputs

    monkeypatch.setattr(parity, "probe", wrong)
    out = tmp_path / "low" / "m"
    ran = pear(
        "export", tiny_model.bundle, "--body", tiny_model.body, "--out", out, "--precision", "int8",
        "--calibration", calibration,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert rests == ["bf16", "f32"] and "measured again" in ran.out
    graph = json.loads((out / "manifest.json").read_text())["graphs"]["network.int8.onnx"]
    assert graph["rest"] == "f32"


def test_a_fused_graph_is_exported_and_measured(
    pear, tiny_model, tmp_path: Path, few_crops: None, monkeypatch: pytest.MonkeyPatch,
    traced_before: None,
) -> None:  # fmt: skip
    import pear_core.export.bundle as bundle

    # Tracing it takes long; tests/core/export/test_fused.py does it. Here: what runs is compared.
    monkeypatch.setattr(bundle, "write_fused", lambda graph, out, *_: out.write_bytes(b"onnx"))
    real = {}

    def candidate(graph: Path, ehm) -> object:
        real["graph"] = graph.name
        engine = open_engine(graph.parent, "onnxruntime", "f32")
        return lambda part: parity.probe(engine, part)

    monkeypatch.setattr(parity, "fused_candidate", candidate)
    out = tmp_path / "m"
    ran = pear(
        "export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", out, "--to", "tensorrt",
        "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    said = {(r["engine"], r["precision"]) for r in json.loads(ran.out)["parity"]}
    assert said == {("onnxruntime", "f32"), ("fused graph in onnxruntime", "f32")}
    assert real["graph"] == "fused.onnx"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["graphs"]["fused.onnx"]["computes"] == "f32"


def test_a_precision_beyond_its_limits_fails_the_export(
    pear, tiny_model, tmp_path: Path, few_crops: None, calibration: Path,
    monkeypatch: pytest.MonkeyPatch, traced_before: None,
) -> None:  # fmt: skip
    # Scales a hundred times too small: every activation is cut off.
    real = variants.activation_scales
    monkeypatch.setattr(
        variants,
        "activation_scales",
        lambda *given: {name: scale / 100 for name, scale in real(*given).items()},
    )
    # And a search that does not notice.
    monkeypatch.setattr(
        variants,
        "search",
        lambda *_: variants.Found(frozenset({"heads.heads"}), {}, 0.1, 0.9),
    )
    out = tmp_path / "low" / "m"
    ran = pear(
        "export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", out, "--precision",
        "int8", "--calibration", calibration,
    )  # fmt: skip
    assert ran.code == 1
    assert "the exported graphs do not agree with torch" in ran.err
    assert "types of the graph int8: mean_vertex_mm" in ran.err
    assert not out.exists() and list(out.parent.iterdir()) == []


def test_two_precisions_do_not_fit_one_fused_graph(pear, tiny_model, tmp_path: Path) -> None:
    ran = pear(
        "export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", tmp_path / "m", "--to",
        "tensorrt", "--precision", "fp16", "int8",
    )  # fmt: skip
    assert ran.code == 1 and "expected one --precision with --to tensorrt" in ran.err


def test_a_body_that_cannot_be_rendered_needs_crops(
    pear, tiny_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_mesh(*_: object) -> None:
        raise IndexError("face 90 of 60")

    monkeypatch.setattr("pear_core.export.calibration.rendered_squares", no_mesh)
    ran = pear(
        "export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", tmp_path / "m",
        "--precision", "int8",
    )  # fmt: skip
    assert ran.code == 1 and "--calibration FILE.npz" in ran.err and not (tmp_path / "m").exists()


def test_what_is_exported(tiny_model, tmp_path: Path) -> None:
    assert checkpoint_of(str(tiny_model.checkpoint)) == tiny_model.checkpoint
    assert checkpoint_of(str(tiny_model.bundle)) == tiny_model.bundle / "model.safetensors"
    with pytest.raises(PearError, match="no model named nothing is installed"):
        checkpoint_of("nothing")
