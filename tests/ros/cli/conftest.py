"""Pictures, videos and the command line for the tests of `pear`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest


@dataclass(frozen=True)
class Ran:
    """What a command line gave."""

    code: int
    out: str
    err: str


Pear = Callable[..., Ran]


@pytest.fixture
def pear(capsys: pytest.CaptureFixture[str]) -> Pear:
    """pear(*words) runs the command line in this process, exits of argparse included."""
    from pear_ros.cli.main import main

    def run(*words: object) -> Ran:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def tiny(tiny_model: Any) -> tuple[str, ...]:
    """Options that choose the tiny model and the whole picture as the person."""
    return (
        "--model",
        str(tiny_model.bundle),
        "--detector",
        "whole",
        "--engine",
        "onnxruntime",
        "--threads",
        "1",
    )


def photo(seed: int = 0, height: int = 60, width: int = 80) -> np.ndarray:
    """A smooth colour picture (RGB)."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """picture(name, seed) writes a picture file."""

    def write(name: str = "photo.png", seed: int = 0) -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), photo(seed)[:, :, ::-1])
        return path

    return write


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 7 pictures, 12.5 per second."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 12.5, (80, 60))
    for i in range(7):
        writer.write(photo(i)[:, :, ::-1])
    writer.release()
    return path
