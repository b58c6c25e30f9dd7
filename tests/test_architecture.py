"""The tree keeps its promises: one-way imports, instant imports, no file that is two."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return set(out.stdout.split())


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip("import-linter is not installed")
    out = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout


@pytest.mark.parametrize("statement", ["import pear_ros", "import pear_ros.cli.main"])
def test_the_robot_side_starts_without_the_heavy_libraries(statement: str) -> None:
    heavy = {"torch", "rclpy", "openvino", "onnxruntime", "cv2", "rosbags"}
    assert not modules_after(statement) & heavy


def test_the_pipeline_never_loads_torch() -> None:
    loaded = modules_after(
        "import pear_ros.engine, pear_ros.perception.pipeline, pear_ros.replay.replay, "
        "pear_ros.messages.human, pear_ros.output.overlay"
    )
    assert "torch" not in loaded
    assert not any(name.startswith("pear_core.body") for name in loaded)


def test_files_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("pear_core", "pear_ros", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
