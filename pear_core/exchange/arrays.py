"""Named arrays from outside (an npz or a dictionary), checked as they are taken out; no pickle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.unreadable import UNREADABLE

FloatArray = NDArray[np.float64]


class ExchangeError(ValueError):
    """A file or dictionary of another kind: which one, which key, what was expected and found."""

    def __init__(self, where: str, what: str, expected: str = "", found: str = "") -> None:
        parts = [f"{where}: {what}"]
        if expected:
            parts.append(f"expected {expected}")
        if found:
            parts.append(f"found {found}")
        super().__init__("; ".join(parts))


class Arrays:
    """Arrays by name; only those that are asked for are read.

    where: the file or the kind of dictionary, for messages. Raises ExchangeError.
    """

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self.where = where
        self._content = content

    @classmethod
    def open(cls, path: str | Path) -> Arrays:
        """The arrays of an npz file."""
        try:
            content = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise ExchangeError(str(path), "no such file") from None
        except UNREADABLE as error:
            raise ExchangeError(
                str(path), "not a readable npz file", "arrays without pickle", str(error)
            ) from None
        if not isinstance(content, np.lib.npyio.NpzFile):
            raise ExchangeError(str(path), "not an npz file", "named arrays", "one array")
        return cls(content, str(path))

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def has(self, *keys: str) -> bool:
        """True where all of these are there."""
        return all(key in self for key in keys)

    def floats(self, key: str) -> FloatArray:
        """A numeric array of finite values as float64, in its shape."""
        array = self._take(key)
        if array.dtype.kind not in "fiu":
            raise ExchangeError(self.where, f"key '{key}'", "numbers", f"dtype {array.dtype}")
        if not np.isfinite(array).all():
            raise ExchangeError(self.where, f"key '{key}'", "finite values", "NaN or infinity")
        return array.astype(np.float64)

    def rows(self, key: str, width: int | None = None, count: int | None = None) -> FloatArray:
        """An array with one row per frame, as [T, width]; further axes ([T, 21, 3]) are joined.

        width: numbers per row, any where None. count: number of rows, any but 0 where None.
        """
        array = self.floats(key)
        per_row = int(np.prod(array.shape[1:]))
        fits = array.ndim >= 2 and (width is None or per_row == width)
        if not (fits and len(array) and (count is None or len(array) == count)):
            wanted = f"shape ({count or 'frames'}, {'any' if width is None else width})"
            raise ExchangeError(self.where, f"key '{key}'", wanted, f"shape {array.shape}")
        return array.reshape(len(array), per_row)

    def integers(self, key: str) -> NDArray[np.int64]:
        """Whole numbers [N]."""
        array = self._take(key)
        if array.dtype.kind not in "iu" or array.ndim != 1:
            found = f"dtype {array.dtype}, shape {array.shape}"
            raise ExchangeError(self.where, f"key '{key}'", "a row of whole numbers", found)
        return array.astype(np.int64)

    def texts(self, key: str) -> tuple[str, ...]:
        """A row of texts."""
        array = self._take(key)
        if array.dtype.kind != "U" or array.ndim != 1:
            found = f"dtype {array.dtype}, shape {array.shape}"
            raise ExchangeError(self.where, f"key '{key}'", "a row of texts", found)
        return tuple(array.tolist())

    def text(self, key: str, otherwise: str = "") -> str:
        """A text (str or bytes); `otherwise` where the key is absent."""
        if key not in self:
            return otherwise
        array = self._take(key)
        if array.dtype.kind not in "US" or array.size != 1:
            raise ExchangeError(
                self.where, f"key '{key}'", "one text", f"dtype {array.dtype}, shape {array.shape}"
            )
        value = array.reshape(-1)[0]
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def number(self, key: str) -> float:
        """A single number."""
        array = self.floats(key)
        if array.size != 1:
            raise ExchangeError(self.where, f"key '{key}'", "one number", f"shape {array.shape}")
        return float(array.reshape(-1)[0])

    def _take(self, key: str) -> NDArray[Any]:
        if key not in self:
            names = ", ".join(list(self._content)[:20]) or "no keys"
            raise ExchangeError(self.where, f"key '{key}' is missing", key, names)
        try:
            return np.asarray(self._content[key])
        except UNREADABLE as error:
            raise ExchangeError(
                self.where, f"key '{key}' cannot be read", "an array without pickle", str(error)
            ) from None


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """An npz file of these arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
