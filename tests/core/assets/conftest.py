"""The writers of old pickles, and a small folder as users have it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_DOWNLOADS = _load(Path(__file__).with_name("downloads.py"), "fabricated_downloads")


@pytest.fixture(scope="session")
def legacy() -> ModuleType:
    return _DOWNLOADS.legacy


@pytest.fixture(scope="session")
def downloads() -> ModuleType:
    return _DOWNLOADS


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    """Every known file under its published name, small, spread over folders."""
    return Path(_DOWNLOADS.write(tmp_path / "downloads", _DOWNLOADS.SMALL))


@pytest.fixture
def sentinel(tmp_path: Path) -> Callable[[], bool]:
    """Whether code in a hostile file ran (it would make this file)."""
    return (tmp_path / "sentinel").exists
