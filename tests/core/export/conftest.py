"""The fused graph of the tiny model, traced once and kept in pytest's cache like the model itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def fused_graph(pytestconfig: pytest.Config, tiny_model: Any) -> Path:
    """fused.onnx of the tiny bundle, float32. Read only."""
    from pear_core.body.ehm import Ehm
    from pear_core.export.fused import Fused, trace_fused
    from pear_core.export.onnx_export import write_graph
    from pear_core.model import checkpoint

    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("fused_graph")
    # The tiny bundle's folder is named after all sources that either graph depends on.
    kept = cache / tiny_model.bundle.parent.name / "fused.onnx"
    if not kept.exists():
        for old in cache.iterdir():
            shutil.rmtree(old)
        regressor, _ = checkpoint.load(tiny_model.bundle / "model.safetensors")
        part = cache / f"{os.getpid()}.part"
        part.mkdir()
        graph = Fused(regressor, Ehm.from_folder(tiny_model.body))
        write_graph(trace_fused(graph), part / "fused.onnx", {"pear.identity": "{}"})
        part.rename(kept.parent)
    return kept
