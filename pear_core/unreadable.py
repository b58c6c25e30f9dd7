"""What numpy raises when it reads an npy or npz file that is damaged."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib

UNREADABLE: tuple[type[Exception], ...] = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, SyntaxError, TypeError, MemoryError,
    OverflowError, IndexError, AttributeError, tokenize.TokenError, zipfile.BadZipFile,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
"""RuntimeError is also that of zip versions to come."""
