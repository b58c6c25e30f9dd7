"""Writes npz files whose bytes depend on nothing but their content, and the manifest."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can name


def npz(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Writes compressed arrays with fixed time stamps and permissions, without pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, buffer.getvalue())


def text(path: Path, content: object) -> None:
    """Writes JSON (anything but a string) or plain text, newline at the end."""
    body = content if isinstance(content, str) else json.dumps(content, indent=2)
    path.write_text(body.rstrip() + "\n", encoding="utf-8")


def manifest(folder: Path, about: Mapping[str, object]) -> None:
    """Writes manifest.json: sha256 and size of every other file in `folder`."""
    files = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                    "bytes": path.stat().st_size}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "manifest.json"
    }  # fmt: skip
    text(folder / "manifest.json", {**about, "files": files})
