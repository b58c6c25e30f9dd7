"""Every engine of a bundle against torch, on the crops that ship for this. Needs torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pear_ros.engine import open_engine
from pear_ros.engine.probe import probe
from pear_ros.problems import PearError

if TYPE_CHECKING:
    from pear_core.export.parity import ParityReport

REPORT, PLOT = "parity.json", "parity.svg"
SAMPLE = 10
"""Number of the shipped crop that bundles carry for the self-test: one whole person, upright."""
ENGINES: dict[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "openvino": ("openvino", "onnxruntime"),
    "tensorrt": ("onnxruntime",),
}
"""Target of an export -> back ends that must agree with torch."""
FUSED_AT_ONCE = 8
"""Crops in one picture for the fused graph; sampling places lose digits in taller ones."""


def shipped_crops() -> NDArray[np.uint8]:
    """RGB squares [256, 256, 256, 3] of rendered people that no training has seen."""
    from pear_core.export.crops import load_crops
    from pear_ros.assets import find

    return load_crops(find("parity_crops/crops.npz"))


def exact(found: list[ParityReport]) -> list[ParityReport]:
    """Those of float32 engines, which every bundle must have."""
    return [report for report in found if report.precision == "f32"]


def reports(
    bundle: Path,
    body: Path,
    squares: NDArray[np.uint8],
    say: Callable[[str], None],
    to: Sequence[str] = ("openvino",),
) -> list[ParityReport]:
    """One report per engine and precision that runs on this machine, one per graph below float32
    computed in exactly its types, and one of the fused graph; tables, progress and what was skipped
    go to `say`. to: keys of ENGINES.
    """
    from pear_core.body.ehm import Ehm
    from pear_core.export.bundle import WEIGHTS
    from pear_core.export.parity import compared, joined, torch_outputs
    from pear_core.model.checkpoint import load

    regressor, _ = load(bundle / WEIGHTS)
    ehm = Ehm.from_folder(body)
    parts = [squares[i : i + 32] for i in range(0, len(squares), 32)]
    say(f"torch on {len(squares)} crops")
    expected = joined([torch_outputs(regressor, ehm, part) for part in parts])
    done = []
    for engine, precision, candidate in _candidates(bundle, ehm, say, to):
        say(f"{engine} {precision} on {len(squares)} crops")
        report = compared(
            expected,
            joined([candidate(part) for part in parts]),
            engine=engine,
            precision=precision,
        )
        say(report.table())
        done.append(report)
    return done


Candidate = Callable[[NDArray[np.uint8]], Mapping[str, Any]]


def _candidates(
    bundle: Path, ehm: Any, say: Callable[[str], None], to: Sequence[str]
) -> Iterator[tuple[str, str, Candidate]]:
    from pear_core.export.bundle import MANIFEST, network_name
    from pear_core.export.fused import FUSED
    from pear_core.export.variants import LOWER

    graphs = json.loads((bundle / MANIFEST).read_text())["graphs"]
    lower = [name for name in LOWER if network_name(name) in graphs]
    for precision in lower:
        yield "types of the graph", precision, in_its_types(bundle / network_name(precision), ehm)
    for backend in dict.fromkeys(backend for target in to for backend in ENGINES[target]):
        # OpenVINO's own bf16 is measured even where no graph of that type was asked for.
        by_hint = ["bf16"] if backend == "openvino" and "bf16" not in lower else []
        for precision in ["f32", *by_hint, *lower]:
            if (backend, precision) == ("onnxruntime", "bf16"):
                continue
            try:
                engine = open_engine(bundle, backend, precision)
            except PearError as error:
                say(f"not compared: {backend} {precision}: {error}")
                continue
            yield backend, precision, lambda part, engine=engine: probe(engine, part)  # type: ignore[misc]
    if FUSED in graphs:
        computes = str(graphs[FUSED]["computes"])
        yield "fused graph in onnxruntime", computes, fused_candidate(bundle / FUSED, ehm)


def in_its_types(graph: Path, ehm: Any) -> Candidate:
    """A network graph as its types say, which CPU engines do not always do."""
    import onnx_ir

    from pear_core.export.calibration import strips
    from pear_core.export.variants import outputs_of

    model = onnx_ir.load(graph)
    return lambda part: outputs_of(model, strips(part), ehm)


def fused_candidate(graph: Path, ehm: Any) -> Candidate:
    """The fused graph in ONNX Runtime on the CPU, its vertices by torch from its raw vector."""
    import onnxruntime
    import torch

    from pear_core.export.parity import body_outputs, joined
    from pear_core.layout import CROP_SIZE

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def few(part: NDArray[np.uint8]) -> dict[str, Any]:
        half, rows = CROP_SIZE / 2, np.arange(len(part), dtype=np.float32)
        crops = np.stack([rows * 0 + half, rows * CROP_SIZE + half, rows * 0 + CROP_SIZE], axis=1)
        image = np.ascontiguousarray(part.reshape(-1, CROP_SIZE, 3))
        inputs = {"image": image, "crops": crops.astype(np.float32)}
        out = dict(zip(names, session.run(names, inputs)))
        raw = torch.from_numpy(out.pop("raw"))
        return body_outputs(raw, ehm) | out

    def run(part: NDArray[np.uint8]) -> Mapping[str, Any]:
        return joined(
            [few(part[i : i + FUSED_AT_ONCE]) for i in range(0, len(part), FUSED_AT_ONCE)]
        )

    return run


def check(
    body: Path, say: Callable[[str], None], to: Sequence[str] = ("openvino",)
) -> Callable[[Path], None]:
    """What `export_bundle` calls on a finished folder: writes parity.json and parity.svg into it.

    Raises PearError where float32 or a precision that was asked for exceeds its limits, or no
    engine runs here. OpenVINO's own bf16, which nobody asked for, is only named in the manifest if it
    does, and engines refuse it. An INT8 graph that exceeds them only because the rest of it runs in
    bfloat16 gets that rest in float32, and is measured again.
    """

    def checked(bundle: Path) -> None:
        from pear_core.export.bundle import MANIFEST, network_name
        from pear_core.export.plot import parity_svg

        found = reports(bundle, body, shipped_crops(), say, to)
        manifest = bundle / MANIFEST
        record = json.loads(manifest.read_text())
        int8 = record["graphs"].get(network_name("int8"), {})
        by_rest = [r for r in found if (r.engine, r.precision) == ("openvino", "int8")]
        if int8.get("rest") == "bf16" and any(r.failures() for r in by_rest):
            say("int8: the rest of it stays float32; everything is measured again")
            int8["rest"] = "f32"
            manifest.write_text(json.dumps(record, indent=1) + "\n")
            found = reports(bundle, body, shipped_crops(), say, to)
        asked = [
            r
            for r in found
            if network_name(r.precision) in record["graphs"] or r.engine.startswith("fused")
        ]
        failures = [f"{r.engine} {r.precision}: {x}" for r in asked for x in r.failures()]
        if failures or not exact(found):
            raise PearError(
                "the exported graphs do not agree with torch",
                where="parity",
                expected="deviations within the limits of pear_core.export.parity",
                found="; ".join(failures) or "no engine that runs here",
            )
        refused = {r.precision: "; ".join(r.failures()) for r in found if r.failures()}
        for precision, reason in refused.items():
            say(f"{precision} is refused for this model: {reason}")
        record |= {"refused_precisions": refused}
        manifest.write_text(json.dumps(record, indent=1) + "\n")
        title = f"{record['identity']['model']} against torch in float32"
        (bundle / PLOT).write_text(parity_svg(found, title))
        (bundle / REPORT).write_text(json.dumps([r.to_dict() for r in found], indent=1))

    return checked
