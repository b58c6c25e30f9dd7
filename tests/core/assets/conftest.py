"""The writers of old pickles, and a small folder as users have it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import fabricated.downloads
import fabricated.legacy


@pytest.fixture(scope="session")
def legacy() -> ModuleType:
    return fabricated.legacy


@pytest.fixture(scope="session")
def downloads() -> ModuleType:
    return fabricated.downloads


@pytest.fixture
def downloaded(tmp_path: Path) -> Path:
    """Every known file under its published name, small, spread over folders."""
    return Path(fabricated.downloads.write(tmp_path / "downloads", fabricated.downloads.SMALL))


@pytest.fixture
def sentinel(tmp_path: Path) -> Callable[[], bool]:
    """Whether code in a hostile file ran (it would make this file)."""
    return (tmp_path / "sentinel").exists
