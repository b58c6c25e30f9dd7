"""What a recorder keeps and derives."""

from __future__ import annotations

import numpy as np
import pytest

from pear_ros.cli.recorder import fitted, rate_of


def test_rate_from_stamps() -> None:
    assert rate_of([0, 40_000_000, 80_000_000, 500_000_000, 540_000_000]) == 25.0
    for nothing in ([], [5], [7, 7, 7], [0, 10**13]):
        assert rate_of(nothing) == 30.0
    assert rate_of([10**9, 0, 10**9]) == 1.0


@pytest.mark.parametrize(("width", "height"), [(64, 64), (32, 80), (100, 20)])
def test_pictures_of_another_size_keep_their_shape_between_black_margins(
    width: int, height: int
) -> None:
    image = np.full((30, 60, 3), 200, np.uint8)
    result = fitted(image, width, height)
    assert result.shape == (height, width, 3)
    rows, columns = np.nonzero(result.any(-1))
    assert result[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].min() == 200
    assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx(2, abs=0.15)
    assert abs((rows.min() + rows.max()) - (height - 1)) <= 1
    assert abs((columns.min() + columns.max()) - (width - 1)) <= 1


def test_pictures_of_the_right_size_are_untouched() -> None:
    image = np.zeros((30, 60, 3), np.uint8)
    assert fitted(image, 60, 30) is image
