"""A studio over the shipped body, started once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pear_core.data.records import Record
from pear_core.data.synthetic.studio import Studio

BODY = Path(__file__).parents[3] / "models" / "free_body"


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio(BODY, seed=5, pool_size=3)


@pytest.fixture(scope="session")
def records(studio: Studio) -> list[Record]:
    return studio.batch(range(10))
