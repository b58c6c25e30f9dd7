"""A tiny but real model bundle, exported once and shared by the tests of export and engines.

Exporting takes torch some twenty seconds, so the result is kept in pytest's cache for as long as no
source that it depends on changes (`pytest --cache-clear` drops it).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fabricated import bodies

ROOT = Path(__file__).parents[1]
SOURCES = ("export", "model", "body", "geometry")


@dataclass(frozen=True)
class TinyModel:
    """Checkpoint, fabricated body folder (90 vertices) and the bundle made of them. Read only."""

    checkpoint: Path
    body: Path
    bundle: Path


@pytest.fixture(scope="session")
def tiny_model(pytestconfig: pytest.Config) -> TinyModel:
    """A vit_ti of depth 2 whose random heads give every crop another person."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("tiny_model")
    kept = cache / _key()
    if not kept.exists():
        for old in cache.iterdir():
            shutil.rmtree(old)
        part = cache / f"{os.getpid()}.part"
        _make(part)
        part.rename(kept)
    return TinyModel(kept / "run.safetensors", kept / "made_up_body", kept / "tiny")


def _make(folder: Path) -> None:
    import torch

    from pear_core.body.fingerprint import body_fingerprint
    from pear_core.export.bundle import export_bundle
    from pear_core.model import checkpoint
    from pear_core.model.presets import preset
    from pear_core.model.regressor import Regressor

    body = bodies.write_folder(
        folder / "made_up_body", vertices=90, head=40, faces=(150, 60), regions=(6, 5, 2)
    )
    torch.manual_seed(0)
    model = Regressor(preset("vit_ti", depth=2, decoder_depth=1, stem="patch"))
    with torch.no_grad():
        for head in model.heads.heads.values():
            head.weight.normal_(std=0.02)
    path = folder / "run.safetensors"
    checkpoint.save(path, model, step=7, body=body.name, body_sha256=body_fingerprint(body))
    export_bundle(path, body, folder / "tiny")


def _key() -> str:
    files = [
        Path(__file__),
        Path(bodies.__file__),
        ROOT / "pear_core/layout.py",
        ROOT / "pear_core/anatomy.py",
    ]
    for source in SOURCES:
        files += sorted((ROOT / "pear_core" / source).glob("*.py"))
    digest = hashlib.sha256(" ".join(version(p) for p in ("torch", "onnx", "onnxscript")).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def squares() -> NDArray[np.uint8]:
    """Five different 256 x 256 RGB pictures: smooth, with noise and hard edges."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256] / 256.0
    pictures = []
    for _ in range(5):
        waves = [
            np.sin(2 * np.pi * (rng.uniform(1, 6) * x + rng.uniform(1, 6) * y)) for _ in range(3)
        ]
        picture = 128 + 90 * np.stack(waves, axis=2) + rng.normal(0, 12, (256, 256, 3))
        left, top = rng.integers(20, 150, 2)
        picture[top : top + 80, left : left + 60] = rng.uniform(0, 255, 3)
        pictures.append(picture)
    return np.clip(pictures, 0, 255).astype(np.uint8)
