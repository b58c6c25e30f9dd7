"""The shipped networks: both runtimes give the same numbers, and the files are the ones that were
built.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pear_ros.perception.detection import networks
from pear_ros.perception.detection.networks import Port
from pear_ros.problems import PearError

FOLDER = Path(__file__).parents[4] / "models" / "detector"


@pytest.mark.parametrize(
    ("name", "size", "limits"),
    [
        ("pose_detection", 224, {"boxes": 0.01, "scores": 0.01}),
        ("pose_landmark", 256, {"landmarks": 0.05, "presence": 1e-4, "mask": 0.5}),
    ],
)
def test_both_runtimes_agree(name: str, size: int, limits: dict[str, float]) -> None:
    """Limits in the outputs' own units: pixels, logits; mask logits reach thousands."""
    data = (FOLDER / f"{name}.onnx").read_bytes()
    ours, other = networks.with_openvino(data, name, 1), networks.with_onnxruntime(data, name, 1)
    expected = (Port("image", (None, size, size, 3), "float32"),)
    assert ours.inputs == expected == other.inputs
    assert (ours.backend, other.backend) == ("openvino", "onnxruntime")
    image = np.random.default_rng(0).uniform(0, 1, (2, size, size, 3)).astype(np.float32)
    a, b = ours.run(image=image), other.run(image=image)
    assert set(a) == set(b) == set(limits)
    for output, limit in limits.items():
        assert np.abs(a[output] - b[output]).max() < limit, output


def test_shipped_files_are_those_that_were_built() -> None:
    built = json.loads((FOLDER / "provenance.json").read_text())
    for name, entry in built["files"].items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == entry["sha256"], name
    assert set(built["files"]) == {"pose_detection.onnx", "pose_landmark.onnx"}


def test_without_a_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        PearError, match="nothing can run the network; expected openvino or onnxruntime"
    ):
        networks.open_network(FOLDER / "pose_detection.onnx")


def test_onnx_runtime_takes_over_where_openvino_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "openvino" else find_spec(name, *rest),
    )
    assert networks.open_network(FOLDER / "pose_detection.onnx").backend == "onnxruntime"
