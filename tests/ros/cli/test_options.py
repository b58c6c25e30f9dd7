"""Checks of option values."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.cli import options


@given(st.integers(1, 10**6), st.floats(1e-3, 1e6), st.floats(0, 1))
def test_numbers_come_through(whole: int, number: float, share: float) -> None:
    assert options.positive_int(str(whole)) == whole
    assert options.positive(repr(number)) == number
    assert options.fraction(repr(share)) == share


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_clear_refusal(text: str) -> None:
    for check in (options.positive_int, options.positive, options.fraction, options.camera):
        try:
            check(text)
        except argparse.ArgumentTypeError as error:
            assert "expected" in str(error) or "must be" in str(error)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "nan", "inf", "", "two"])
def test_no_whole_positive_number(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected"):
        options.positive_int(text)


def test_camera() -> None:
    assert options.camera("500,501.5,320,-3") == (500, 501.5, 320, -3)
    for text in ("500,500,320", "0,500,1,1", "500,-1,1,1", "a,b,c,d", "1,2,3,nan"):
        with pytest.raises(argparse.ArgumentTypeError):
            options.camera(text)
