"""Every engine of a bundle against torch, on the crops that ship for this. Needs torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pear_ros.engine import open_engine
from pear_ros.engine.probe import probe
from pear_ros.problems import PearError

if TYPE_CHECKING:
    from pear_core.export.parity import ParityReport

REPORT = "parity.json"
SAMPLE = 10
"""Number of the shipped crop that bundles carry for the self-test: one whole person, upright."""
ENGINES = (("openvino", "f32"), ("openvino", "bf16"), ("onnxruntime", "f32"))


def shipped_crops() -> NDArray[np.uint8]:
    """RGB squares [256, 256, 256, 3] of rendered people that no training has seen."""
    from pear_core.export.crops import load_crops
    from pear_ros.assets import find

    return load_crops(find("parity_crops/crops.npz"))


def exact(found: list[ParityReport]) -> list[ParityReport]:
    """Those of float32 engines, which every bundle must have."""
    return [report for report in found if report.precision == "f32"]


def reports(
    bundle: Path, body: Path, squares: NDArray[np.uint8], say: Callable[[str], None]
) -> list[ParityReport]:
    """One report per engine that runs on this machine; tables and skipped engines go to `say`."""
    from pear_core.body.ehm import Ehm
    from pear_core.export.bundle import WEIGHTS
    from pear_core.export.parity import parity_report
    from pear_core.model.checkpoint import load

    regressor, _ = load(bundle / WEIGHTS)
    ehm = Ehm.from_folder(body)
    done = []
    for backend, precision in ENGINES:
        try:
            engine = open_engine(bundle, backend, precision)
        except PearError as error:
            say(f"not compared: {backend} {precision}: {error}")
            continue
        report = parity_report(
            regressor,
            ehm,
            lambda part, engine=engine: probe(engine, part),  # type: ignore[misc]
            squares,
            engine=backend,
            precision=precision,
        )
        say(report.table())
        done.append(report)
    return done


def check(body: Path, say: Callable[[str], None]) -> Callable[[Path], None]:
    """What `export_bundle` calls on a finished folder: writes parity.json into it.

    A lower precision beyond its limits is named in the manifest, and engines refuse it. Raises
    PearError where float32 exceeds its limits or no engine runs here.
    """

    def checked(bundle: Path) -> None:
        found = reports(bundle, body, shipped_crops(), say)
        failures = [f"{r.engine}: {line}" for r in exact(found) for line in r.failures()]
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
        manifest = bundle / "manifest.json"
        record = json.loads(manifest.read_text()) | {"refused_precisions": refused}
        manifest.write_text(json.dumps(record, indent=1) + "\n")
        (bundle / REPORT).write_text(json.dumps([json.loads(r.to_json()) for r in found], indent=1))

    return checked
