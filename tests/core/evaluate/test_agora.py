"""F1 and the normalised errors, by hand."""

from __future__ import annotations

import math

import pytest

from pear_core.evaluate.agora import detection_f1, normalised_error


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    precision, recall = 80 / 90, 80 / 100
    assert detection_f1(80, 10, 20) == pytest.approx(2 / (1 / precision + 1 / recall))
    assert detection_f1(5, 0, 0) == 1.0 and detection_f1(0, 3, 4) == 0.0


def test_nmve_by_hand() -> None:
    assert normalised_error(60.0, 0.8) == pytest.approx(75.0)
    assert normalised_error(60.0, 1.0) == 60.0
    assert math.isinf(normalised_error(60.0, 0.0))


def test_bad_counts_and_f1_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found \(0, 0, 0\)"):
        detection_f1(0, 0, 0)
    with pytest.raises(ValueError, match=r"found \(3, -1, 0\)"):
        detection_f1(3, -1, 0)
    for f1 in (1.01, -0.1, math.nan):
        with pytest.raises(ValueError, match=r"f1: expected 0\.\.1"):
            normalised_error(1.0, f1)
