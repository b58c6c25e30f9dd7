"""Files that are complete or absent: written beside their target and moved over it at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pear_ros.problems import PearError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A path to write to, with the suffix of the target, that replaces the target if the block ends
    well.

    Creates the target's folder. Raises PearError if folder or file cannot be written; whatever the
    block raises leaves the target as it was and nothing behind.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    if path.is_dir():
        raise PearError("cannot write", where=str(path), expected="a file name", found="a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PearError(
            "cannot make the folder", where=str(path.parent), found=str(error)
        ) from None
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise PearError("cannot write", where=str(path), found=str(error)) from None
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file; raises PearError."""
    with atomic_path(path) as part:
        part.write_bytes(data)
