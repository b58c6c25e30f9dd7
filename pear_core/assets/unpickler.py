"""The one reader of pickles: a machine that knows data and executes nothing.

Classes and functions are recorded as `inert.Call`, only those of `inert.ALLOWED` may be named, and
nothing is imported or called. Memory is bounded by the size of the file: sizes are checked before
anything is made of them, and no operation multiplies what is there. Python 2 strings are read as
latin1. Protocols 0 to 5; out-of-band buffers, extension codes and old-style instances are refused.
"""

from __future__ import annotations

import codecs
import mmap
import pickle
import pickletools
import re
import struct
from collections.abc import Callable
from typing import Any

from pear_core.assets.inert import (
    ALLOWED,
    JOBLIB_ARRAY,
    ORDERED_DICT,
    RECONSTRUCTORS,
    Call,
    Global,
    Refused,
)
from pear_core.assets.numpy_state import joblib_array

Data = bytes | mmap.mmap
Persistent = Callable[[Any], Any]

MAX_OPCODES = 2_000_000
"""Model files have some hundred: a pickle beyond this is made to exhaust the reader."""
_SCALARS = (str, bytes, int, float, bool, type(None))
_ESCAPED = re.compile(
    rb"""(?:[^\\]|\\(?:[\\'"abfnrtv\n]|x[0-9a-fA-F]{2}|(?![4-7][0-7]{2})[0-7]{1,3}))*"""
)
"""What Python writes between quotes; it would take other escapes as well, with a warning."""


def loads(data: Data) -> Any:
    """What a pickle holds: plain containers, numbers, words, and `Call` for everything else.

    Raises Refused.
    """
    return load_at(data, 0)[0]


def load_at(data: Data, at: int, persistent: Persistent | None = None) -> tuple[Any, int]:
    """The pickle that begins at byte `at`, and where it ends; persistent: value of an id.

    Raises Refused.
    """
    machine = _Machine(data, at, persistent)
    try:
        return machine.run(), machine.at
    except Refused:
        raise
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, struct.error) as error:
        raise Refused(f"a damaged pickle (byte {machine.at} of {len(data)}: {error})") from error


class _Machine:
    def __init__(self, data: Data, at: int, persistent: Persistent | None) -> None:
        self.data, self.at, self.persistent = data, at, persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MAX_OPCODES):
            code = self.take(1)
            if code == pickle.STOP:
                return self.stack.pop()
            if code in _NUMBERS:
                form, size = _NUMBERS[code]
                self.stack.append(struct.unpack(form, self.take(size))[0])
            elif code in _SIZED:
                size, decode = _SIZED[code]
                self.stack.append(decode(self.sized(size)))
            elif code in _LINES:
                self.stack.append(_LINES[code](self.line()))
            elif code in _CONSTANTS:
                self.stack.append(_CONSTANTS[code]())
            elif code in _ACTIONS:
                _ACTIONS[code](self)
            else:
                raise Refused(f"refuses {_name(code)} at byte {self.at - 1}: not in model files")
        raise Refused(f"refuses a pickle of more than {MAX_OPCODES} operations")

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise Refused(
                f"a pickle that is cut off: {count} bytes expected at byte {self.at}, "
                f"the file has {len(self.data)}"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def sized(self, width: int) -> bytes:
        return self.take(int.from_bytes(self.take(width), "little"))

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise Refused(f"a pickle that is cut off in a line at byte {self.at}")
        return self.take(end + 1 - self.at)[:-1]

    def marked(self) -> list[Any]:
        if not self.marks:
            raise Refused("a damaged pickle: no mark")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.marked()

    def remember(self, key: int) -> None:
        self.memo[key] = self.stack[-1]

    def recall(self, key: int) -> None:
        if key not in self.memo:
            raise Refused(f"a damaged pickle: nothing remembered under {key}")
        self.stack.append(self.memo[key])

    def pack(self, count: int) -> None:
        if count > len(self.stack):
            raise Refused("a damaged pickle: too few objects")
        start = len(self.stack) - count
        self.stack[start:] = [tuple(self.stack[start:])]

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise Refused(f"refuses to append to {_kind(target)}")
        target.extend(items)

    def add(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, set):
            raise Refused(f"refuses to add to {_kind(target)}")
        target.update(map(_key, items))

    def fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Call) and target.name == ORDERED_DICT:
            target = target.items
        if not isinstance(target, dict):
            raise Refused(f"refuses to put items into {_kind(target)}")
        target.update(_pairs(items))

    def name(self, module: bytes, name: bytes) -> None:
        self.named(module.decode("latin1"), name.decode("latin1"))

    def named(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}" if type(module) is type(name) is str else "a name that is none"
        if full not in ALLOWED:
            raise Refused(f"refuses {full[:100]!r}: model files have no need of it")
        self.stack.append(Global(full))

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.named(module, name)

    def call(self) -> None:
        args, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, Global) or not isinstance(args, tuple):
            raise Refused(f"refuses to call {_kind(called)}")
        if called.name in RECONSTRUCTORS:
            if not args or not isinstance(args[0], Global):
                raise Refused("refuses an object without a class")
            called, args = args[0], ()
        self.stack.append(Call(called.name, args))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Call):
            raise Refused(f"refuses to set the state of {_kind(target)}")
        target.state = state
        if target.name == JOBLIB_ARRAY:
            self.stack[-1], self.at = joblib_array(target, self.data, self.at)

    def persistent_id(self) -> None:
        if self.persistent is None:
            raise Refused("refuses a persistent id: model files have none")
        self.stack.append(self.persistent(self.stack.pop()))

    def instance(self) -> None:
        module, name = self.line().decode("latin1"), self.line().decode("latin1")
        raise Refused(f"refuses an old-style instance of {f'{module}.{name}'[:100]!r}")


def _name(code: bytes) -> str:
    for known in pickletools.opcodes:
        if known.code.encode("latin1") == code:
            return f"the operation {known.name}"
    return f"the byte 0x{code.hex()} (no pickle)"


def _kind(value: Any) -> str:
    return value.name if isinstance(value, (Call, Global)) else type(value).__name__


def _key(value: Any) -> Any:
    # Hashing a nested tuple can take for ever.
    if type(value) not in _SCALARS:
        raise Refused(f"refuses {_kind(value)} as a key")
    return value


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise Refused("a damaged pickle: a key without a value")
    return {_key(items[i]): items[i + 1] for i in range(0, len(items), 2)}


def _integer(text: bytes) -> int | bool:
    return text == b"01" if text in (b"00", b"01") else int(text)


def _quoted(text: bytes) -> str:
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise Refused("a damaged pickle: a string without quotes")
    if not _ESCAPED.fullmatch(text[1:-1]):
        raise Refused("a damaged pickle: a string with an unknown escape")
    return codecs.escape_decode(text[1:-1])[0].decode("latin1")


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _latin1(raw: bytes) -> str:
    return raw.decode("latin1")


def _utf8(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


_NUMBERS: dict[bytes, tuple[str, int]] = {
    pickle.BININT: ("<i", 4), pickle.BININT1: ("<B", 1), pickle.BININT2: ("<H", 2),
    pickle.BINFLOAT: (">d", 8),
}  # fmt: skip
_SIZED: dict[bytes, tuple[int, Callable[[bytes], Any]]] = {
    pickle.BINSTRING: (4, _latin1), pickle.SHORT_BINSTRING: (1, _latin1),
    pickle.BINUNICODE: (4, _utf8), pickle.SHORT_BINUNICODE: (1, _utf8),
    pickle.BINUNICODE8: (8, _utf8), pickle.BINBYTES: (4, bytes), pickle.SHORT_BINBYTES: (1, bytes),
    pickle.BINBYTES8: (8, bytes), pickle.BYTEARRAY8: (8, bytes), pickle.LONG1: (1, _little),
    pickle.LONG4: (4, _little),
}  # fmt: skip
_LINES: dict[bytes, Callable[[bytes], Any]] = {
    pickle.INT: _integer, pickle.LONG: lambda text: int(text.rstrip(b"L")), pickle.FLOAT: float,
    pickle.STRING: _quoted, pickle.UNICODE: lambda text: text.decode("raw-unicode-escape"),
}  # fmt: skip
_CONSTANTS: dict[bytes, Callable[[], Any]] = {
    pickle.NONE: lambda: None, pickle.NEWTRUE: lambda: True, pickle.NEWFALSE: lambda: False,
    pickle.EMPTY_LIST: list, pickle.EMPTY_DICT: dict, pickle.EMPTY_SET: set,
    pickle.EMPTY_TUPLE: tuple,
}  # fmt: skip
_ACTIONS: dict[bytes, Callable[[_Machine], Any]] = {
    pickle.PROTO: lambda m: m.take(1),
    pickle.FRAME: lambda m: m.take(8),
    pickle.MARK: _Machine.mark,
    pickle.POP: _Machine.pop,
    pickle.POP_MARK: _Machine.marked,
    pickle.DUP: lambda m: m.stack.append(m.stack[-1]),
    pickle.PUT: lambda m: m.remember(int(m.line())),
    pickle.BINPUT: lambda m: m.remember(m.take(1)[0]),
    pickle.LONG_BINPUT: lambda m: m.remember(int.from_bytes(m.take(4), "little")),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.GET: lambda m: m.recall(int(m.line())),
    pickle.BINGET: lambda m: m.recall(m.take(1)[0]),
    pickle.LONG_BINGET: lambda m: m.recall(int.from_bytes(m.take(4), "little")),
    pickle.TUPLE: lambda m: _push(m, tuple),
    pickle.LIST: lambda m: _push(m, list),
    pickle.DICT: lambda m: _push(m, _pairs),
    pickle.FROZENSET: lambda m: _push(m, lambda items: frozenset(map(_key, items))),
    pickle.TUPLE1: lambda m: m.pack(1),
    pickle.TUPLE2: lambda m: m.pack(2),
    pickle.TUPLE3: lambda m: m.pack(3),
    pickle.APPEND: lambda m: m.append([m.stack.pop()]),
    pickle.APPENDS: lambda m: m.append(m.marked()),
    pickle.ADDITEMS: lambda m: m.add(m.marked()),
    pickle.SETITEM: lambda m: m.fill([m.stack.pop(-2), m.stack.pop()]),
    pickle.SETITEMS: lambda m: m.fill(m.marked()),
    pickle.GLOBAL: lambda m: m.name(m.line(), m.line()),
    pickle.STACK_GLOBAL: _Machine.stack_global,
    pickle.REDUCE: _Machine.call,
    pickle.NEWOBJ: _Machine.call,
    pickle.BUILD: _Machine.build,
    pickle.BINPERSID: _Machine.persistent_id,
    pickle.INST: _Machine.instance,
}


def _push(machine: _Machine, make: Callable[[list[Any]], Any]) -> None:
    items = machine.marked()
    machine.stack.append(make(items))
