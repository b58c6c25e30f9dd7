"""Pickles as Python 2, old numpy, old scipy and chumpy wrote them, from Python 3."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

Pickler: Any = pickle._Pickler  # type: ignore[attr-defined]


class Python2Pickler(Pickler):
    """Bytes become Python 2 strings (S, U or T) and so do all words, as cPickle wrote them."""

    dispatch: ClassVar[Any] = dict(Pickler.dispatch)

    def save_string(self, value: bytes | str) -> None:
        data = value if isinstance(value, bytes) else value.encode("latin1")
        if self.proto == 0:
            text = "".join(
                chr(b) if 32 <= b < 127 and b not in b"\\'" else f"\\x{b:02x}" for b in data
            )
            self.write(b"S'" + text.encode() + b"'\n")
        elif len(data) < 256:
            self.write(b"U" + bytes([len(data)]) + data)
        else:
            self.write(b"T" + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    dispatch[bytes] = save_string
    dispatch[str] = save_string


def python2(value: object, protocol: int) -> bytes:
    """The pickle with module names of Python 2 and numpy 1."""
    stream = io.BytesIO()
    Python2Pickler(stream, protocol).dump(value)
    return old_names(stream.getvalue())


def old_names(data: bytes) -> bytes:
    for new, old in (
        (b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"),
        (b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n"),
        (b"cscipy.sparse._csr\n", b"cscipy.sparse.csr\n"),
    ):
        data = data.replace(new, old)
    return data


@contextmanager
def chumpy() -> Iterator[ModuleType]:
    """Modules named as chumpy's, with its classes' state, for as long as pickles are written."""
    root, ch, reordering = (
        ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")
    )

    class Ch:
        def __init__(self, **terms: Any) -> None:
            self.__dict__.update(terms, _dirty_vars={"x"}, _itr=None)

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    ch.Ch = root.Ch = Ch  # type: ignore[attr-defined]
    for name in ("Select", "Reshape", "transpose", "Concatenate"):
        kind = type(name, (Ch,), {"__module__": "chumpy.reordering", "__qualname__": name})
        setattr(reordering, name, kind)
        setattr(root, name, kind)
    modules = {module.__name__: module for module in (root, ch, reordering)}
    sys.modules.update(modules)
    try:
        yield root
    finally:
        for name in modules:
            del sys.modules[name]


def flame_like(rng: np.random.Generator, arrays: dict[str, np.ndarray]) -> bytes:
    """The arrays of a FLAME model as its pickle: chumpy arrays, a sparse regressor, Python 2."""
    from scipy.sparse import csc_matrix

    with chumpy() as fake:
        content: dict[str, Any] = {
            key: fake.Ch(x=arrays[key].astype(np.float64))
            for key in ("v_template", "shapedirs", "weights")
        }
        content |= {key: arrays[key] for key in ("f", "posedirs", "kintree_table")}
        content["J_regressor"] = csc_matrix(arrays["J_regressor"].astype(np.float64))
        content["J"] = rng.normal(0, 1, (len(arrays["J_regressor"]), 3))
        content["bs_style"], content["bs_type"] = "lbs", "lrotmin"
        return python2(content, 2)
