"""The command line itself: help, errors of one line, and what starting it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pear_ros import __version__
from pear_ros.cli import main as command
from pear_ros.problems import PearError

ROOT = Path(__file__).parents[3]
HEAVY = {
    "numpy",
    "torch",
    "cv2",
    "openvino",
    "onnxruntime",
    "rosbags",
    "rclpy",
    "rich",
    "scipy",
    "PIL",
    "jinja2",
}


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("words", [[], *([name] for name in command.COMMANDS if name != "demo")])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    loaded = python(
        "import contextlib, io, sys\n"
        "from pear_ros.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as text:\n"
        f"    main({[*words, '--help']!r})\n"
        "assert 'usage: pear' in text.getvalue()\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    ).split()
    assert HEAVY.isdisjoint(loaded), HEAVY & set(loaded)


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert HEAVY.isdisjoint(python("import pear_ros, sys; print(*sys.modules)").split())


def test_help_names_every_command(pear) -> None:
    ran = pear("--help")
    assert ran.code == 0
    assert all(name in ran.out for name in command.COMMANDS)


def test_version(pear) -> None:
    ran = pear("--version")
    assert (ran.code, ran.out) == (0, f"pear {__version__}\n")


def test_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pear_ros.cli", "image"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("pear: error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("image",),
        ("image", "a.png"),
        ("image", "a.png", "--out"),
        ("image", "a.png", "--out", "x", "--engine", "steam"),
        ("image", "a.png", "--out", "x", "--threads", "0"),
        ("image", "a.png", "--out", "x", "--camera", "1,2,3"),
        ("replay", "a.mcap", "--out", "b.mcap", "--markers", "all"),
        ("replay", "a.mcap", "--out", "b.mcap", "--first", "-1"),
        ("bag", "out.mcap", "a.png", "--rate", "-1"),
        ("bag", "out.mcap", "a.png", "--compressed", "101"),
        ("--fly",),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(pear, words: tuple[str, ...]) -> None:
    ran = pear(*words)
    assert ran.code == 2
    assert ran.err.startswith("pear: error: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PearError("no such\n  thing", where="x"), 1, "x: no such thing"),
        (ZeroDivisionError("oops\nagain"), 1, "unexpected ZeroDivisionError: oops again"),
        (ModuleNotFoundError("No module named 'wings'", name="wings"), 1, "package wings"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_are_one_line_without_a_traceback(
    pear, monkeypatch, error: BaseException, code: int, said: str
) -> None:
    from pear_ros.cli import models

    def fail(arguments: object) -> int:
        raise error

    monkeypatch.delenv("PEAR_DEBUG", raising=False)
    monkeypatch.setattr(models, "run", fail)
    ran = pear("models")
    assert ran.code == code
    assert said in ran.err
    assert ran.err.startswith("pear: error: ")
    assert ran.err.count("\n") == 1


def test_debugging_shows_where(pear, monkeypatch) -> None:
    from pear_ros.cli import models

    monkeypatch.setenv("PEAR_DEBUG", "1")
    monkeypatch.setattr(models, "run", lambda arguments: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        pear("models")


def test_a_reader_that_stops_early_is_no_error() -> None:
    code = "from pear_ros.cli.main import main; import sys; sys.exit(main(['models']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
