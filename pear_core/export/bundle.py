"""One command from a checkpoint and a body to the folder that robots load.

The weights that ship are the float16-rounded ones, in the safetensors file and in the graph alike:
the graph casts them to float32 and computes in float32, so torch and the engines run the same
numbers. Published weights can also be kept as they are (beyond 2 GB they lie beside the graph).
Lower precisions are further network graphs beside it, network.PRECISION.onnx.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pear_core.body.ehm import Ehm
from pear_core.body.fingerprint import body_fingerprint
from pear_core.export.fused import FUSED, FUSED_INPUTS, Fused
from pear_core.export.graphs import BodyGraph, MeshGraph, Network, output_shapes
from pear_core.export.identity import canonical, identity, sha256
from pear_core.export.onnx_export import Graph, export_graph
from pear_core.export.selftest import SELFTEST, drawn_square, selftest_arrays
from pear_core.export.topology import topology_arrays
from pear_core.export.variants import (
    Lower,
    Recipe,
    described,
    recipe,
    write_fused,
    write_variant,
)
from pear_core.model import checkpoint
from pear_core.model.regressor import Regressor

FORMAT, IDENTITY_KEY = "pear-bundle-1", "pear.identity"
WEIGHTS, NETWORK, BODY, MESH = "model.safetensors", "network.onnx", "body.onnx", "mesh.onnx"
TOPOLOGY, MANIFEST = "topology.npz", "manifest.json"


class ExportError(ValueError):
    """A checkpoint and a body that do not belong together."""


@dataclass(frozen=True)
class Wanted:
    """What a bundle holds besides the float32 graphs.

    precisions: network graphs below float32. fused: precision of the graph for engines on a GPU that
    holds crop, network and body; None for no such graph. calibration: RGB squares [N, 256, 256, 3]
    that lower precisions are searched on; needed where there are any. sample: RGB square stored
    with torch's answer for the robot's self-test, None for a drawn figure.
    """

    precisions: tuple[Lower, ...] = ()
    fused: Literal["f32"] | Lower | None = None
    calibration: NDArray[np.uint8] | None = None
    sample: NDArray[np.uint8] | None = None


def export_bundle(
    checkpoint_path: str | Path,
    body_folder: str | Path,
    out_dir: str | Path,
    check: Callable[[Path], None] | None = None,
    weights: Literal["f16", "f32"] = "f16",
    wanted: Wanted | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the bundle folder `out_dir` (its name is the model's), complete or not at all.

    Other files that already lie there (the model card) are kept. check: called with the finished
    folder before it takes its place; if it raises, nothing changes. weights: "f16" rounds them,
    "f32" keeps them to the last digit. say: is told what takes long. Raises CheckpointError,
    BodyFileError, PrecisionError (weights too large for float16), and ExportError where the
    checkpoint was trained for another body.
    """
    wanted = wanted or Wanted()
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
        metadata = {IDENTITY_KEY: canonical(record)}
        graphs: dict[str, Graph] = {
            NETWORK: Network(model),
            BODY: BodyGraph(ehm),
            MESH: MeshGraph(ehm),
        }
        for name, graph in graphs.items():
            say(f"tracing {name}")
            export_graph(graph, part / name, metadata)
        computes = {NETWORK: {"computes": "f32"}}
        computes |= _lower_graphs(part, model, ehm, wanted, metadata, say)
        graphs |= {name: graphs[NETWORK] for name in computes if name not in (NETWORK, FUSED)}
        if FUSED in computes:
            graphs[FUSED] = Fused(model, ehm)
        (part / TOPOLOGY).write_bytes(npz_bytes(topology_arrays(ehm.assets)))
        square = drawn_square() if wanted.sample is None else wanted.sample
        (part / SELFTEST).write_bytes(npz_bytes(selftest_arrays(model, ehm, square)))
        vertices = len(ehm.assets.smplx.v_template)
        manifest = _manifest(record, part, graphs, vertices, info, ehm.scale_about)
        for name, facts in computes.items():
            manifest["graphs"][name] |= facts
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        if check is not None:
            check(part)
        _replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def _lower_graphs(
    folder: Path,
    model: Regressor,
    ehm: Ehm,
    wanted: Wanted,
    metadata: dict[str, str],
    say: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Write the graphs below float32 and the fused one; file -> what the manifest says of it."""
    written: dict[str, dict[str, Any]] = {}
    recipes: dict[str, Recipe] = {}
    fused = wanted.fused if wanted.fused != "f32" else None
    for precision in dict.fromkeys((*wanted.precisions, *([fused] if fused else ()))):
        if wanted.calibration is None:
            raise ExportError(f"{precision}: expected crops to calibrate on, found none")
        say(f"{precision}: which modules keep float32")
        recipes[precision] = recipe(folder / NETWORK, precision, ehm, wanted.calibration, say)
    for precision in wanted.precisions:
        name = network_name(precision)
        write_variant(folder / NETWORK, folder / name, recipes[precision], metadata)
        written[name] = described(recipes[precision])
    if wanted.fused is not None:
        say("fused graph: crop, network and body in one")
        write_fused(Fused(model, ehm), folder / FUSED, recipes.get(wanted.fused), metadata)
        facts = described(recipes[fused]) if fused else {"computes": "f32"}
        written[FUSED] = facts
    return written


def network_name(precision: str) -> str:
    """File of the network graph that computes in `precision`."""
    return NETWORK if precision == "f32" else f"network.{precision}.onnx"


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
    shapes: dict[str, list[str | int]] = {
        name: ["N", *shape] for name, shape in output_shapes(vertices).items()
    }

    def inputs(graph: Graph) -> dict[str, list[str | int]]:
        own = FUSED_INPUTS if isinstance(graph, Fused) else {}
        return {name: own.get(name) or shapes[name] for name in graph.inputs}

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
                "inputs": inputs(graph),
                "outputs": {output: shapes[output] for output in graph.outputs},
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
