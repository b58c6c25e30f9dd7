"""What a bundle says it is: one record in the manifest and, word for word, in every graph."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pear_core import anatomy, layout
from pear_core.model.checkpoint import CheckpointInfo


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


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read piece by piece."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
