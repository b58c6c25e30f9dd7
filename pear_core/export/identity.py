"""What a bundle says it is: one record in the manifest and, word for word, in every graph."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pear_core import anatomy, layout
from pear_core.body.files import BodyFileError
from pear_core.model.checkpoint import CheckpointInfo

BODY_FILES = ("SMPLX_NEUTRAL.npz", "FLAME.npz", "SMPL-X__FLAME_vertex_ids.npy", "FLAME_masks.npz",
              "l_eyelid.npy", "r_eyelid.npy", "landmarks.npz")  # fmt: skip
OPTIONAL_BODY_FILES = ("SMPLX_to_J14.npz",)


def body_fingerprint(folder: str | Path) -> str:
    """SHA-256 (hex) over the names and contents of the files EHM-s is built from. Raises BodyFileError."""
    folder = Path(folder)
    digest = hashlib.sha256()
    for name in (*BODY_FILES, *OPTIONAL_BODY_FILES):
        path = folder / name
        if path.is_file():
            digest.update(f"{name} {sha256(path.read_bytes())}\n".encode())
        elif name in BODY_FILES:
            raise BodyFileError(path, "no such file")
    return digest.hexdigest()


def identity(model: str, info: CheckpointInfo, weights_sha256: str, body: str, body_sha256: str) -> dict[str, Any]:
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
