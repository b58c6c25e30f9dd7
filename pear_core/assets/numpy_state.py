"""Arrays from what pickles (of any numpy) and joblib say about them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.assets.inert import DTYPE, EMPTY_BYTES, ENCODE, Call, Refused

_CODE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|O[48]?|[SU][1-9]\d{0,5})")


def dtype_of(value: Any) -> np.dtype[Any]:
    """The plain dtype that a pickle describes. Raises Refused for structured and exotic ones."""
    if not isinstance(value, Call) or value.name != DTYPE or not value.args:
        raise Refused("an array without a dtype")
    code = value.args[0]
    code = code.decode("latin1") if isinstance(code, bytes) else code
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Refused("an array of another dtype than plain numbers and words")
    order, state = "", value.state
    if isinstance(state, tuple) and len(state) > 1:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if any(part is not None for part in state[2:5]):
            raise Refused("an array of a structured dtype")
    code = code.lstrip("<>|=") if order else code
    if code.startswith("O"):
        return np.dtype(object)
    if order not in ("", "<", ">", "|", "="):
        raise Refused("a dtype without a byte order")
    return np.dtype(f"{order}{code}")


def shape_of(value: Any) -> tuple[int, ...]:
    """A tuple of sizes. Raises Refused."""
    sizes = (value,) if type(value) is int else value
    if not isinstance(sizes, (tuple, list)) or len(sizes) > 8:
        raise Refused("an array without a shape")
    if not all(type(size) is int and 0 <= size < 1 << 40 for size in sizes):
        raise Refused("an array of an impossible shape")
    return tuple(sizes)


def bytes_of(value: Any) -> bytes:
    """Bytes, as Python 2 (a string) or Python 3 (bytes, in old protocols an encoded text) say it.

    Raises Refused.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, Call):
        if value.name in EMPTY_BYTES and not value.args:
            return b""
        latin = value.name == ENCODE and len(value.args) == 2
        if latin and value.args[1] in ("latin1", "latin-1"):
            value = value.args[0]
    if not isinstance(value, str):
        raise Refused("an array without its bytes")
    try:
        return value.encode("latin1")
    except UnicodeEncodeError as error:
        raise Refused("an array whose bytes are text") from error


def array_from(
    shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool, raw: Any
) -> NDArray[Any]:
    """The array of these sizes; raw: its bytes, or for dtype object the list of its items.

    Raises Refused where the sizes do not fit together.
    """
    count = math.prod(shape)
    order: Any = "F" if fortran else "C"
    if dtype.hasobject:
        if not isinstance(raw, list) or len(raw) != count:
            raise Refused(f"an object array {shape} without its {count} objects")
        objects = np.empty(count, object)
        for i, item in enumerate(raw):
            objects[i] = item
        return objects.reshape(shape, order=order)
    data = bytes_of(raw)
    if len(data) != count * dtype.itemsize:
        raise Refused(
            f"an array {shape} of {dtype} with {len(data)} bytes instead of "
            f"{count * dtype.itemsize}"
        )
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def view_of(
    data: Any, at: int, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool
) -> NDArray[Any]:
    """An array over the bytes of `data` from `at` on, without a copy. Raises Refused."""
    count = math.prod(shape)
    if dtype.hasobject:
        raise Refused("raw bytes of objects")
    if at + count * dtype.itemsize > len(data):
        raise Refused(
            f"an array {shape} of {dtype} is cut off: {count * dtype.itemsize} bytes expected, "
            f"{max(len(data) - at, 0)} there"
        )
    if not count:
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype, count, at).reshape(shape, order="F" if fortran else "C")


def joblib_array(wrapper: Call, data: Any, at: int) -> tuple[NDArray[Any], int]:
    """The array whose bytes joblib wrote into the stream after its wrapper, and where they end.

    Source: the file format of joblib >= 0.10 (uncompressed): newer versions put one byte with the
    length of the padding, then the padding, before the bytes. Raises Refused.
    """
    says = wrapper.attributes()
    dtype, shape = dtype_of(says.get("dtype")), shape_of(says.get("shape"))
    if says.get("numpy_array_alignment_bytes") is not None:
        if at >= len(data):
            raise Refused("a joblib array is cut off")
        at += 1 + data[at]
    array = view_of(data, at, shape, dtype, says.get("order") == "F")
    return array, at + array.nbytes
