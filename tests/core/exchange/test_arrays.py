"""Arrays from outside: every fault is named, nothing is unpickled, whatever the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pear_core.exchange.arrays import Arrays, ExchangeError, npz_bytes


class Explosive:
    """Would leave a trace if it were ever unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (exec, ("import builtins; builtins.exploded = True",))


def test_pickles_are_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    import builtins

    path = tmp_path / "a.npz"
    np.savez(path, labels=np.array([Explosive()], object), trans=np.ones((2, 3)))
    arrays = Arrays.open(path)
    np.testing.assert_array_equal(arrays.rows("trans", 3), np.ones((2, 3)))
    with pytest.raises(ExchangeError, match=r"a\.npz: key 'labels' cannot be read; .*pickle"):
        arrays.floats("labels")
    assert not hasattr(builtins, "exploded")


def test_faults_name_file_key_expected_and_found() -> None:
    arrays = Arrays(
        {"a": np.zeros((4, 2, 3)), "b": np.array(["x"]), "c": np.array(np.nan)}, "f.npz"
    )
    assert arrays.rows("a", 6, 4).shape == (4, 6)
    assert arrays.rows("a").shape == (4, 6)
    for call, text in (
        (lambda: arrays.rows("a", 5), r"f\.npz: key 'a'; expected shape \(frames, 5\); found shape \(4, 2, 3\)"),
        (lambda: arrays.rows("a", 6, 3), r"expected shape \(3, 6\)"),
        (lambda: arrays.floats("b"), "key 'b'; expected numbers; found dtype <U1"),
        (lambda: arrays.floats("c"), "key 'c'; expected finite"),
        (lambda: arrays.floats("d"), "key 'd' is missing; expected d; found a, b, c"),
        (lambda: arrays.number("a"), "key 'a'; expected one number"),
        (lambda: arrays.text("a"), "key 'a'; expected one text"),
        (lambda: arrays.integers("a"), "key 'a'; expected a row of whole numbers"),
        (lambda: arrays.texts("a"), "key 'a'; expected a row of texts"),
    ):  # fmt: skip
        with pytest.raises(ExchangeError, match=text):
            call()


def test_texts_may_be_bytes() -> None:
    arrays = Arrays({"g": np.array(b"male"), "h": np.array("female")}, "f")
    assert (arrays.text("g"), arrays.text("h"), arrays.text("i", "neutral")) == (
        "male",
        "female",
        "neutral",
    )


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    for name, text in (
        ("absent.npz", "no such file"),
        ("one.npy", "not an npz file"),
        ("text.npz", "not a readable npz file"),
    ):
        with pytest.raises(ExchangeError, match=text):
            Arrays.open(tmp_path / name)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_damage_is_one_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(npz_bytes({"a": np.arange(12.0).reshape(4, 3), "b": np.array("word")}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / "damaged.npz"
    path.write_bytes(bytes(whole[:cut]) if data.draw(st.booleans()) else bytes(whole))
    try:
        arrays = Arrays.open(path)
        arrays.rows("a", 3, 4)
        arrays.text("b")
    except ExchangeError as error:
        assert "damaged.npz" in str(error)


def test_a_zip_of_a_version_to_come_is_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros(1))
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 6] = 64  # "version needed to extract" 6.4
    path.write_bytes(data)
    with pytest.raises(ExchangeError, match=r"a\.npz: not a readable npz file"):
        Arrays.open(path)
