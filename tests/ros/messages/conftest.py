"""Fabricated people, and rosbags as the independent reader and writer of CDR."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import settings

import fabricated.people

# No test may depend on how busy the machine is.
settings.register_profile("pear", deadline=None, max_examples=60)
settings.load_profile("pear")


@pytest.fixture(scope="session")
def people() -> ModuleType:
    return fabricated.people


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
