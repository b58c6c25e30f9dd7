"""Fabricated people, and rosbags as the independent reader and writer of CDR."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

# No test may depend on how busy the machine is.
settings.register_profile("pear", deadline=None, max_examples=60)
settings.load_profile("pear")


def _load() -> ModuleType:
    path = Path(__file__).with_name("fabricated_people.py")
    spec = importlib.util.spec_from_file_location("fabricated_people", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_PEOPLE = _load()


@pytest.fixture(scope="session")
def people() -> ModuleType:
    return _PEOPLE


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
