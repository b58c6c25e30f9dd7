"""The unpickler: all data, no code."""

from __future__ import annotations

import contextlib
import io
import math
import os
import pickle
import pickletools
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pear_core.assets.arrays import as_array
from pear_core.assets.inert import ALLOWED, Call, Refused
from pear_core.assets.unpickler import load_at, loads

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text() | st.binary()
    | st.floats(allow_nan=False)
)  # fmt: skip
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.tuples(inner)
        | st.tuples(inner, inner, inner, inner)
        | st.sets(KEYS, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(DATA, st.sampled_from([3, 4, 5]))
@example(
    {"a": [1, -1, 2**31, -(2**31), 2**100, 1e300, True, None], "b": ((), (1, 2), "ä" * 300)}, 4
)
@example([b"x" * 300, "y" * 70000, list(range(2000))], 5)
def test_data_of_python_3_equal_what_pickle_reads(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    if protocol == 3 and b"builtins" in data:  # sets are calls before protocol 4
        assert loads(data) is not None
    else:
        assert loads(data) == pickle.loads(data) == value


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    ),
    st.sampled_from([0, 1, 2]),
)
def test_data_of_old_protocols_equal_what_pickle_reads(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert loads(data) == pickle.loads(data) == value


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_python_2_strings_are_latin1(legacy: ModuleType, protocol: int) -> None:
    value = {"k\xe9y": bytes(range(256)) * 3, "quote": 'it\'s "so"\n\\', "empty": ""}
    data = legacy.python2(value, protocol)
    expected = pickle.loads(data, encoding="latin1")
    assert loads(data) == expected
    assert expected["k\xe9y"] == (bytes(range(256)) * 3).decode("latin1")


def test_shared_and_recursive_objects_keep_their_identity() -> None:
    inner: list[Any] = [1]
    inner.append(inner)
    one, two = loads(pickle.dumps([inner, inner], 2))
    assert one is two and one[1] is one and one[0] == 1


def test_hand_assembled_operations() -> None:
    data = b"(I01\nI00\nI7\nL-8L\nF1.5\nS'a\\x41'\nVb\\u00e9\nlp0\n0g0\n."
    assert loads(data) == [True, False, 7, -8, 1.5, "aA", "b\xe9"]
    assert loads(b"\x80\x02}(U\x01aK\x01U\x01bM\x00\x01u.") == {"a": 1, "b": 256}
    assert loads(b"(S'a'\nI1\nd.") == {"a": 1}
    assert loads(b"K\x01K\x022\x87.") == (1, 2, 2)
    assert loads(b"K\x05(K\x061.") == 5
    assert loads(b"G" + struct.pack(">d", math.pi) + b".") == math.pi
    assert load_at(b"??K\x07.K\x08.", 2) == (7, 5)


class Evil:
    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> Any:
        return self.function, self.args


def touch(path: Path) -> str:
    return f"{sys.executable} -c \"open({str(path)!r}, 'w')\""


@pytest.mark.parametrize("protocol", range(6))
def test_functions_are_refused_by_name_and_not_called(
    tmp_path: Path, sentinel: Callable[[], bool], protocol: int
) -> None:
    target = tmp_path / "sentinel"
    for evil, name in (
        (Evil(os.system, touch(target)), f"{os.system.__module__}.system"),
        (Evil(eval, f"open({str(target)!r}, 'w')"), "eval"),
        (Evil(exec, f"open({str(target)!r}, 'w')"), "exec"),
        (Evil(open, str(target), "w"), "open"),
        (Evil(np.save, str(target), [1]), "save"),
        (Evil(np.load, str(target)), "load"),
        (Evil(np.memmap, str(target), "u1", "w+", 0, (1,)), "memmap"),
        (Evil(getattr, "", "join"), "getattr"),
        (Evil(pickle.loads, b"N."), "loads"),
        (Evil(__import__, "os"), "__import__"),
    ):
        for value in (evil, [evil], {"v_template": evil}, {"a": (1, [evil])}):
            data = pickle.dumps(value, protocol)
            with pytest.raises(Refused, match=name):
                loads(data)
    assert not sentinel()


def hostile(target: Path) -> dict[str, tuple[bytes, str]]:
    """Each way of running something, in raw operations; and what the refusal must say."""
    command = touch(target).encode()
    sized = b"X" + len(command).to_bytes(4, "little") + command
    argument = b"(" + sized + b"t"
    return {
        "GLOBAL REDUCE": (b"cos\nsystem\n" + argument + b"R.", "os.system"),
        "STACK_GLOBAL": (b"\x8c\x02os\x8c\x06system\x93" + argument + b"R.", "os.system"),
        "STACK_GLOBAL dotted": (
            b"\x8c\x05numpy\x8c\x1ecore.multiarray._reconstruct.x\x93" + argument + b"R.",
            "numpy.core.multiarray._reconstruct.x",
        ),
        "STACK_GLOBAL of no names": (b"]K\x01\x93" + argument + b"R.", "a name that is none"),
        "INST": (b"(" + sized + b"ios\nsystem\n.", "os.system"),
        "OBJ": (b"(cos\nsystem\n" + sized + b"o.", "os.system"),
        "OBJ of an allowed class": (b"(cnumpy\nndarray\n" + sized + b"o.", "OBJ"),
        "NEWOBJ": (b"cos\nsystem\n" + argument + b"\x81.", "os.system"),
        "NEWOBJ_EX": (b"cnumpy\nndarray\n" + argument + b"}\x92.", "NEWOBJ_EX"),
        "EXT1": (b"\x82\x01" + argument + b"R.", "EXT1"),
        "EXT2": (b"\x83\x01\x00" + argument + b"R.", "EXT2"),
        "EXT4": (b"\x84\x01\x00\x00\x00" + argument + b"R.", "EXT4"),
        "PERSID": (b"Pos.system\n.", "PERSID"),
        "BINPERSID": (sized + b"Q.", "persistent id"),
        "NEXT_BUFFER": (b"\x97.", "NEXT_BUFFER"),
        "READONLY_BUFFER": (sized + b"\x98.", "READONLY_BUFFER"),
        "BUILD of a list": (b"]}b.", "state of list"),
        "BUILD of a class": (b"cchumpy.ch\nCh\n}b.", "state of chumpy.ch.Ch"),
        "REDUCE of a word": (b"\x8c\x06system" + argument + b"R.", "call str"),
        "REDUCE of a call": (b"cchumpy.ch\nCh\n)\x81" + argument + b"R.", "call chumpy.ch.Ch"),
        "reconstructor": (b"ccopy_reg\n_reconstructor\n(cos\nsystem\nt", "os.system"),
        "reconstructor of a word": (b"ccopy_reg\n_reconstructor\n(\x8c\x01xtR.", "without a class"),
        "APPEND to an object": (b"cchumpy.ch\nCh\n)\x81K\x01a.", "append to chumpy.ch.Ch"),
        "SETITEM of an object": (b"cchumpy.ch\nCh\n)\x81K\x01K\x01s.", "items into chumpy.ch.Ch"),
        "ADDITEMS to a list": (b"](K\x01\x90.", "add to list"),
        "a tuple as a key": (b"})K\x01s.", "tuple as a key"),
        "zlib": (b"\x78\x9c\x01\x02", "0x78"),
    }


def test_every_way_of_running_something_is_refused(
    tmp_path: Path, sentinel: Callable[[], bool]
) -> None:
    for way, (data, says) in hostile(tmp_path / "sentinel").items():
        with pytest.raises(Refused) as refusal:
            loads(data)
        assert says in str(refusal.value), way
    assert not sentinel()


def test_the_list_of_hostile_files_would_hurt_the_standard_reader(tmp_path: Path) -> None:
    target = tmp_path / "sentinel"
    pickle.loads(hostile(target)["GLOBAL REDUCE"][0])
    assert target.exists()


def test_an_allowed_name_is_recorded_and_nothing_is_imported() -> None:
    before = set(sys.modules)
    value = loads(b"cchumpy.ch\nCh\n)\x81}\x8c\x01xK\x05sb.")
    assert isinstance(value, Call) and value.name == "chumpy.ch.Ch"
    assert value.attributes() == {"x": 5}
    assert set(sys.modules) == before
    assert not any(name.split(".")[-1] in ("eval", "exec", "open", "system") for name in ALLOWED)


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_allowed_names_do_nothing_whatever_they_are_called_with(name: str, tmp_path: Path) -> None:
    module, _, attribute = name.rpartition(".")
    command = touch(tmp_path / "sentinel").encode()
    argument = b"(X" + len(command).to_bytes(4, "little") + command + b"t"
    reference = f"c{module}\n{attribute}\n".encode()
    for data in (reference + argument + b"R.", reference + argument + b"\x81}b."):
        try:
            value = loads(data)
            as_array(value)
        except Refused:
            continue
        raise AssertionError(f"{name} made an array of a command")
    assert not (tmp_path / "sentinel").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"", b".", b"K", b"X\xff\xff\xff\x7fabc.", b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"\x8b\xff\xff\xff\x7f\x01.", b"r\xff\xff\xff\xff.", b"j\xff\xff\xff\xff.", b"h\x00.",
        b"t.", b"u.", b"\x87.", b"I" + b"9" * 5000 + b"\n.", b"Inine\n.", b"S'a\n.", b"V\\ud8\n.",
        b"S'\\q'\n.", b"S'\\477'\n.", b"(K\x01d.", b"N", b"\x95", b"\x80", b"cos", b"L\n.", b"g1\n.", b"K\x01s.", b"a.",
    ],
)  # fmt: skip
def test_damaged_pickles_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        loads(data)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from pear_core.assets import unpickler

    monkeypatch.setattr(unpickler, "MAX_OPCODES", 1000)
    with pytest.raises(Refused, match="1000 operations"):
        loads(b"]" * 2000 + b".")
    # The standard reader reserves 64 GB for this memo index.
    assert loads(b"K\x01r\xff\xff\xff\xff.") == 1


def test_doubling_lists_stay_small() -> None:
    """Each list holds the one before twice: 2^60 leaves that must never be written out."""
    data = b"]" + b"q\x00" + b"".join(b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq"
                                      + bytes([i + 1]) for i in range(60)) + b"."  # fmt: skip
    value = loads(data)
    with pytest.raises(Refused):
        as_array(value)


def mutated(base: bytes, edits: list[tuple[int, int]], cut: int) -> bytes:
    data = bytearray(base)
    for at, byte in edits:
        data[at % len(data)] = byte
    return bytes(data[: len(data) - cut % len(data)])


@pytest.fixture(scope="module")
def seeds(legacy: ModuleType) -> list[bytes]:
    from scipy.sparse import csc_matrix

    with legacy.chumpy() as fake:
        value = {
            "x": fake.Ch(x=np.arange(6.0).reshape(2, 3)),
            "s": fake.Select(a=fake.Ch(x=np.arange(6.0)), idxs=np.array([1, 2])),
            "J": csc_matrix(np.eye(3)),
            "o": np.array({"a": 1}, dtype=object),
        }
        return [legacy.python2(value, p) for p in (0, 1, 2)] + [
            pickle.dumps(value, p) for p in (2, 4, 5)
        ]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
    st.integers(0, 40) | st.just(0),
)
def test_any_change_of_bytes_is_data_or_refused(
    seeds: list[bytes], which: int, edits: list[tuple[int, int]], cut: int
) -> None:
    data = mutated(seeds[which], edits, cut)
    try:
        value = loads(data)
        for part in value.values() if isinstance(value, dict) else [value]:
            as_array(part)
    except Refused:
        pass


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([op.code.encode("latin1") for op in pickletools.opcodes])
        | st.sampled_from([b"cos\nsystem\n", b"\x8c\x02os", b"K\x01", b"(", b"]", b"}", b")"])
        | st.binary(max_size=4),
        max_size=25,
    )
)
def test_any_sequence_of_operations_is_data_or_refused(parts: list[bytes]) -> None:
    stream = io.BytesIO(b"".join(parts) + b".")
    with contextlib.suppress(Refused):
        loads(stream.getvalue())
