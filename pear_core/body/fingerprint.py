"""Which body a network was trained for: a hash over the files EHM-s is built from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pear_core.body.files import BODY_FILES, BodyFileError

J14_FILE = "SMPLX_to_J14.npz"
"""The optional file that changes joints (the other optional one only serves evaluation)."""


def body_fingerprint(folder: str | Path) -> str:
    """SHA-256 (hex) over names and contents of the files EHM-s is built from.

    Raises BodyFileError where one is absent.
    """
    folder = Path(folder)
    digest = hashlib.sha256()
    for name in (*BODY_FILES, J14_FILE):
        path = folder / name
        if path.is_file():
            digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        elif name in BODY_FILES:
            raise BodyFileError(path, "no such file")
    return digest.hexdigest()
