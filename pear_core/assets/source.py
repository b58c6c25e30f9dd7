"""A file as users have it (npz, npy, pickle): its keys, and its arrays checked as they are read."""

from __future__ import annotations

import io
import math
import mmap
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.assets.arrays import as_array, as_mapping, describe
from pear_core.assets.fields import Field, Sizes
from pear_core.assets.inert import Refused
from pear_core.assets.numpy_state import view_of
from pear_core.assets.unpickler import Data, load_at, loads
from pear_core.body.files import BodyFileError
from pear_core.unreadable import UNREADABLE

ONLY = "the array"
"""Key of a file that is one array."""
MAX_MEMBER = 1 << 30
"""Bytes of one unpacked member of an npz file; the largest of a model file has 122 MB."""


@dataclass(frozen=True)
class Source:
    """An opened file; `values` holds what was read, or the zip members that are still to be."""

    path: Path
    values: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.values)

    def array(self, key: str, field: Field, sizes: Sizes) -> NDArray[Any]:
        """The array under `key`; indices as whole numbers of their own type.

        Raises BodyFileError with what was expected and what was found.
        """
        where = f"key '{key}'" if key != ONLY else "file"
        if key not in self.values:
            raise BodyFileError(
                self.path, f"{where} is missing", f"'{key}': {field.says(sizes)}",
                f"keys {', '.join(self.keys) or 'none'}",
            )  # fmt: skip
        with faults_named(self.path, where):
            array = as_array(self.read(key))
        if array.ndim == len(field.shape) + 1 and array.shape[0] == 1:
            array = array[0]
        found = f"{array.dtype} of shape {array.shape}"
        whole = array
        if field.kind == "indices" and array.dtype.kind == "f" and np.isfinite(array).all():
            with np.errstate(invalid="ignore"):
                whole = array.astype(np.int64)
            whole = whole if np.array_equal(whole, array) else array
        if whole.dtype.kind not in ("f" if field.kind == "floats" else "iu") or not field.fits(
            array.shape, sizes
        ):
            raise BodyFileError(self.path, where, field.says(sizes), found)
        if field.kind == "floats" and not np.isfinite(array).all():
            raise BodyFileError(self.path, where, "finite numbers", "NaN or infinity")
        limit = sizes.get(field.limit)
        if limit is not None and array.size and not 0 <= array.min() <= array.max() < limit:
            raise BodyFileError(
                self.path, where, f"indices in 0..{limit - 1} ({field.limit})",
                f"{array.min()}..{array.max()}",
            )  # fmt: skip
        return np.asarray(whole, whole.dtype.newbyteorder("="))

    def read(self, key: str) -> Any:
        value = self.values[key]
        return value.read() if isinstance(value, _Member) else value


def open_source(path: Path) -> Source:
    """An npz, npy or pickle file, told by its content. Raises BodyFileError."""
    with faults_named(path, "file"):
        with path.open("rb") as file:
            start = file.read(64)
            _refuse_what_is_no_data(start)
            if start.startswith(b"PK\x03\x04"):
                return Source(path, _members(path))
            # Mapped: a matrix of half a gigabyte is looked at where it lies.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        value = _npy(data) if start.startswith(b"\x93NUMPY") else loads(data)
        mapping = as_mapping(value)
        return Source(path, {ONLY: value} if mapping is None else mapping)


@contextmanager
def faults_named(path: Path, what: str) -> Iterator[None]:
    """Turns whatever reading a damaged file raises into one clear BodyFileError."""
    try:
        yield
    except BodyFileError:
        raise
    except Refused as error:
        raise BodyFileError(path, f"{what}: {error}") from error
    except UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BodyFileError(path, f"cannot read {what}: {reason}") from error


@dataclass(frozen=True)
class _Member:
    """One array of an npz file, not read yet."""

    archive: Path
    name: str

    def read(self) -> Any:
        with zipfile.ZipFile(self.archive) as archive:
            size = archive.getinfo(self.name).file_size
            if size > MAX_MEMBER:
                raise Refused(f"unpacks to {size} bytes, more than {MAX_MEMBER}")
            return _npy(archive.read(self.name))


def _members(path: Path) -> dict[str, _Member]:
    if not zipfile.is_zipfile(path):
        raise Refused("an npz archive that is cut off or damaged")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
    if not names:
        raise Refused("a zip archive without arrays, no npz file")
    return {name.removesuffix(".npy"): _Member(path, name) for name in names}


def _npy(data: Data) -> Any:
    """The array of an npy file; for one of objects, what its pickle holds. Raises Refused."""
    head = io.BytesIO(data[: 1 << 16])
    version = np.lib.format.read_magic(head)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(head)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(head)
    else:
        raise Refused(f"an npy file of version {version}, 1.0 or 2.0 expected")
    if min(shape, default=0) < 0 or math.prod(shape) > len(data):
        raise Refused(f"an array of impossible shape {shape}")
    if dtype.hasobject:
        return load_at(data, head.tell())[0]
    if dtype.kind not in "biufSU":
        raise Refused(f"an array of dtype {dtype}")
    return view_of(data, head.tell(), shape, dtype, fortran)


def _refuse_what_is_no_data(start: bytes) -> None:
    if not start:
        raise Refused("is empty")
    if start.startswith(b"version https://git-lfs"):
        raise Refused("is a Git LFS pointer, the data itself was not fetched (git lfs pull)")
    if start.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        raise Refused("is a web page, perhaps the one that asks to log in")


def described(source: Source) -> str:
    """The content of a file in a few words: its keys, or its one array."""
    if source.keys == (ONLY,):
        return describe(source.values[ONLY])
    return "keys " + (", ".join(source.keys) or "none")
