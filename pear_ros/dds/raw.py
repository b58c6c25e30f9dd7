"""Complete CDR in and out of DDS entities: the only place that touches cyclonedds' insides.

The Python classes of cyclonedds serialise member by member (80 ms for a picture), and its own raw
calls hold the interpreter lock while they copy or wait. `dds_write` and `dds_take_next` are called
through ctypes instead, which lets other threads run; what they are given is the pair of pointer
and size that the wheel's type support reads and fills. That pair is private: hence the version.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator
from importlib.metadata import version

from cyclonedds.core import DDSException, Entity
from cyclonedds.internal import DDS, dds_c_t
from cyclonedds.topic import Sample

from pear_ros.problems import PearError

VERSION = "11.0.1"
"""The version of cyclonedds whose insides are known."""
BAD_PARAMETER = DDSException.DDS_RETCODE_BAD_PARAMETER
TIMEOUT = DDSException.DDS_RETCODE_TIMEOUT

_LIBRARY = DDS._dll_handle
_WRITE = _LIBRARY.dds_write
_WRITE.argtypes, _WRITE.restype = (ctypes.c_int32, ctypes.c_void_p), ctypes.c_int32
_TAKE = _LIBRARY.dds_take_next
_TAKE.argtypes = (ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
_TAKE.restype = ctypes.c_int32
_FREE = _LIBRARY.dds_free
_FREE.argtypes, _FREE.restype = (ctypes.c_void_p,), None
_DELETE = _LIBRARY.dds_delete
_DELETE.argtypes, _DELETE.restype = (ctypes.c_int32,), ctypes.c_int32


def check_version() -> None:
    """Raises: PearError where another version of cyclonedds is installed."""
    found = version("cyclonedds")
    if found != VERSION:
        raise PearError("wrong version", where="cyclonedds", expected=VERSION, found=found)


def write(writer: Entity, data: bytes) -> int:
    """Write one sample of complete CDR; DDS's return code, 0 where it was taken.

    The bytes are checked against the writer's type: BAD_PARAMETER where they do not fit it. TIMEOUT
    where a reliable reader did not make room in time.
    """
    # DDS sends whole words and reads to the end of the last one.
    padded = data + bytes(-len(data) % 4) if len(data) % 4 else data
    address = ctypes.cast(ctypes.c_char_p(padded), ctypes.c_void_p)
    return int(_WRITE(writer._ref, ctypes.byref(Sample(address, len(padded)))))


def take(reader: Entity) -> Iterator[memoryview]:
    """Every waiting sample as complete CDR, with up to three zero bytes behind it.

    The views are read-only and own their memory. Raises DDSException, also where the reader was
    deleted meanwhile.
    """
    sample, info = Sample(), dds_c_t.sample_info()
    slot = ctypes.c_void_p(ctypes.addressof(sample))
    while True:
        sample.usample, sample.usample_size = None, 0
        count = _TAKE(reader._ref, ctypes.byref(slot), ctypes.byref(info))
        if count < 0:
            raise DDSException(count, "while taking a sample")
        if not count:
            return
        if sample.usample is None:
            continue
        if info.valid_data:
            yield _view(sample.usample, sample.usample_size)
        else:
            _FREE(sample.usample)


def delete(entity: Entity) -> None:
    """Delete an entity and its children now, not when Python forgets it."""
    if Entity._entities.pop(entity._ref, None) is not None:
        _DELETE(entity._ref)


def _view(address: int, size: int) -> memoryview:
    """Memory of the library as a view that frees it; nothing is copied."""
    # One array type per power of two: types are dear, and the end of the view is cut.
    capacity = 1 << (size - 1).bit_length()
    owner = (ctypes.c_ubyte * capacity).from_address(address)
    weakref.finalize(owner, _FREE, address).atexit = False
    return memoryview(owner).cast("B")[:size].toreadonly()
