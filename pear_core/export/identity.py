"""What a bundle says it is: one record in the manifest and, word for word, in every graph."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pear_core import anatomy, layout
from pear_core.body.files import BODY_FILES, BodyFileError
from pear_core.model.checkpoint import CheckpointInfo

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
            digest.update(f"{name} {sha256(path.read_bytes())}\n".encode())
        elif name in BODY_FILES:
            raise BodyFileError(path, "no such file")
    return digest.hexdigest()


def identity(
    model: str, info: CheckpointInfo, weights_sha256: str, body: str, body_sha256: str
) -> dict[str, Any]:
    """The record; the robot's side reads it as `pear_ros.engine.base.ModelIdentity`."""
    return {
        "model": model,
        "preset": info.config.name,
        "body": body,
        "body_sha256": body_sha256,
        "layout": layout.fingerprint(),
        "joints": anatomy.fingerprint(),
        "crop": layout.CROP_CONVENTION,
        "colour": layout.COLOUR,
        "weights_sha256": weights_sha256,
        "step": info.step,
    }


def canonical(record: dict[str, Any]) -> str:
    """The record as the graphs carry it: JSON, sorted keys, no spaces."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
