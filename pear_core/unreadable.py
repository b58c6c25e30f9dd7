"""What numpy raises when it reads an npy or npz file that is damaged."""

from __future__ import annotations

import zipfile
import zlib

UNREADABLE: tuple[type[Exception], ...] = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, SyntaxError, TypeError, MemoryError,
    OverflowError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""RuntimeError is also that of zip versions to come."""
