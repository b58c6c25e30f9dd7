"""Files that engines keep between runs, in the user's cache and nowhere else.

A damaged or foreign file counts as none: whatever lies here can be made again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

KEPT = 12
"""Files of one kind that are kept; the ones unused for longest go first."""
_DIGEST = hashlib.sha256().digest_size


def cache_folder(kind: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """$XDG_CACHE_HOME/pear/kind, or ~/.cache/pear/kind; None where it cannot be made or belongs to
    somebody else.
    """
    base = environment.get("XDG_CACHE_HOME", "")
    # A relative one is to be ignored (XDG base directory specification).
    parent = Path(base) if base.startswith("/") else Path.home() / ".cache"
    folder = parent / "pear" / kind
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    mine = status.st_uid == os.geteuid() and not status.st_mode & 0o022
    return folder if mine and os.access(folder, os.W_OK) else None


def read(path: Path) -> bytes | None:
    """What `write` wrote, None where there is nothing whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, payload = data[:_DIGEST], data[_DIGEST:]
    if len(data) < _DIGEST or hashlib.sha256(payload).digest() != digest:
        with suppress(OSError):
            path.unlink()
        return None
    with suppress(OSError):
        os.utime(path)
    return payload


def write(path: Path, payload: bytes) -> None:
    """Keep `payload`, whole or not at all; a full disk is no error. The oldest beyond KEPT go."""
    if _replace(path, [hashlib.sha256(payload).digest(), payload]):
        _forget_oldest(path)


def write_text(path: Path, text: str) -> None:
    """A file that people may read, whole or not at all; a full disk is no error."""
    _replace(path, [text.encode()])


def _replace(path: Path, pieces: list[bytes]) -> bool:
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            os.unlink(part)
        return False
    return True


def _forget_oldest(newest: Path) -> None:
    with suppress(OSError):
        files = [p for p in newest.parent.iterdir() if p.suffix == newest.suffix and p != newest]
        files.sort(key=lambda p: p.stat().st_mtime)
        for old in files[: max(0, len(files) - KEPT + 1)]:
            old.unlink(missing_ok=True)
