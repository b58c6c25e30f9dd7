"""One command from a checkpoint and a body to the folder that robots load.

The weights that ship are the float16-rounded ones, in the safetensors file and in the graph alike:
the graph casts them to float32 and computes in float32, so torch and the engines run the same
numbers. Published weights can also be kept as they are (beyond 2 GB they lie beside the graph), and
the network graph can compute in float16 or bfloat16.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pear_core.body.ehm import Ehm
from pear_core.body.fingerprint import body_fingerprint
from pear_core.export.graphs import BodyGraph, MeshGraph, Network, output_shapes
from pear_core.export.identity import canonical, identity, sha256
from pear_core.export.onnx_export import Graph, export_graph
from pear_core.export.precision import Precision
from pear_core.export.topology import topology_arrays
from pear_core.model import checkpoint

FORMAT, IDENTITY_KEY = "pear-bundle-1", "pear.identity"
WEIGHTS, NETWORK, BODY, MESH = "model.safetensors", "network.onnx", "body.onnx", "mesh.onnx"
TOPOLOGY, MANIFEST = "topology.npz", "manifest.json"


class ExportError(ValueError):
    """A checkpoint and a body that do not belong together."""


def export_bundle(
    checkpoint_path: str | Path,
    body_folder: str | Path,
    out_dir: str | Path,
    check: Callable[[Path], None] | None = None,
    weights: Literal["f16", "f32"] = "f16",
    precision: Precision = "f32",
) -> Path:
    """Write the bundle folder `out_dir` (its name is the model's), complete or not at all.

    Other files that already lie there (the model card) are kept. check: called with the finished
    folder before it takes its place; if it raises, nothing changes. weights: "f16" rounds them,
    "f32" keeps them to the last digit. precision: what the network graph computes in. Raises
    CheckpointError, BodyFileError, PrecisionError (weights too large for float16), and ExportError
    where the checkpoint was trained for another body.
    """
    out = Path(out_dir).resolve()
    body_folder = Path(body_folder).resolve()
    model, info = checkpoint.load(checkpoint_path)
    body_sha256 = body_fingerprint(body_folder)
    if info.body_sha256 and info.body_sha256 != body_sha256:
        raise ExportError(
            f"{checkpoint_path}: trained for another body, expected {info.body} "
            f"{info.body_sha256[:12]}, found {body_folder.name} {body_sha256[:12]}"
        )
    if weights == "f16":
        for value in model.state_dict().values():
            value.copy_(value.half())
    ehm = Ehm.from_folder(body_folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        checkpoint.save(
            part / WEIGHTS,
            model,
            step=info.step,
            body=info.body or body_folder.name,
            body_sha256=body_sha256,
            extra=info.extra,
            dtype=torch.float16 if weights == "f16" else None,
        )
        record = identity(out.name, info, sha256(part / WEIGHTS), body_folder.name, body_sha256)
        graphs: dict[str, Graph] = {
            NETWORK: Network(model),
            BODY: BodyGraph(ehm),
            MESH: MeshGraph(ehm),
        }
        computes = {name: {"precision": precision} for name in (NETWORK,) if precision != "f32"}
        for name, graph in graphs.items():
            metadata = {IDENTITY_KEY: canonical(record)}
            export_graph(graph, part / name, metadata, **computes.get(name, {}))
        (part / TOPOLOGY).write_bytes(npz_bytes(topology_arrays(ehm.assets)))
        vertices = len(ehm.assets.smplx.v_template)
        manifest = _manifest(record, part, graphs, vertices, info, ehm.scale_about)
        manifest["graphs"][NETWORK]["computes"] = precision
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        if check is not None:
            check(part)
        _replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def npz_bytes(arrays: dict[str, Any]) -> bytes:
    """A compressed npz archive; equal arrays give equal bytes (its entries carry no time)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _manifest(
    record: dict[str, Any],
    folder: Path,
    graphs: dict[str, Graph],
    vertices: int,
    info: checkpoint.CheckpointInfo,
    scale_about: str,
) -> dict[str, Any]:
    shapes = output_shapes(vertices)

    def described(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: ["N", *shapes[name]] for name in names}

    return {
        "format": FORMAT,
        "identity": record,
        "config": info.config.to_dict(),
        "body": {"scale_about": scale_about, "vertices": vertices},
        "files": {
            path.name: {"size": path.stat().st_size, "sha256": sha256(path)}
            for path in sorted(folder.iterdir())
        },
        "graphs": {
            name: {
                "inputs": described(graph.inputs),
                "outputs": described(graph.outputs),
                "dtype": "float32",
            }
            for name, graph in graphs.items()
        },
    }


def _replace(part: Path, out: Path) -> None:
    """Put the finished folder in place of the old one, with the files that no bundle has."""
    if not out.exists():
        os.replace(part, out)
        return
    for path in out.iterdir():
        if not (part / path.name).exists():
            if path.is_dir():
                shutil.copytree(path, part / path.name)
            else:
                shutil.copy2(path, part / path.name)
    old = part.with_suffix(".old")
    os.replace(out, old)
    os.replace(part, out)
    shutil.rmtree(old)
