"""Quick copies are what the slow ones are."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from pear_core import layout
from pear_ros.perception.frozen import altered, persons
from pear_ros.types import Box, Parameters


def test_a_copy_is_that_of_dataclasses() -> None:
    box = Box(1.0, 2.0, 3.0, 4.0, 0.5)
    copy = altered(box, y1=9.0, score=0.25)
    assert copy == replace(box, y1=9.0, score=0.25) and box == Box(1.0, 2.0, 3.0, 4.0, 0.5)
    assert hash(copy) == hash(Box(1.0, 2.0, 3.0, 9.0, 0.25))
    with pytest.raises(FrozenInstanceError):
        copy.x0 = 0.0  # type: ignore[misc]


def test_people_are_rows_of_the_arrays() -> None:
    rng = np.random.default_rng(0)
    named = (f.name for f in fields(Parameters) if f.name != "rotations")
    values = {n: rng.normal(size=(3, layout.FIELDS[n].width)).astype(np.float32) for n in named}
    everybody = Parameters(rng.normal(size=(3, 52, 3, 3)).astype(np.float32), **values)
    people = persons(everybody)
    assert len(people) == 3
    for i, one in enumerate(people):
        assert isinstance(one, Parameters) and len(one) == 1
        for field in fields(Parameters):
            row, expected = getattr(one, field.name), getattr(everybody, field.name)[i : i + 1]
            assert np.shares_memory(row, expected)
            np.testing.assert_array_equal(row, expected)
