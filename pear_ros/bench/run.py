"""Measuring engines: targets in turns, with machine, peaks and reference around them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pear_ros.bench import peaks as machine
from pear_ros.bench import work
from pear_ros.bench.conditions import between, hardware, moment
from pear_ros.bench.peaks import Peaks
from pear_ros.bench.record import Result, Row
from pear_ros.bench.reference import EagerTorch, why_not
from pear_ros.bench.roofline import Roofline, roofline
from pear_ros.bench.sampling import Block, Progress, interleaved
from pear_ros.bench.summary import Summary, summarise
from pear_ros.bench.targets import TARGETS, Target, targets
from pear_ros.engine import Engine
from pear_ros.engine.bundle import NETWORK
from pear_ros.output.machine import versions
from pear_ros.problems import PearError

_REFERENCE = "eager torch"
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Settings:
    """What is measured, and for how long.

    what: of `targets.TARGETS`. seconds: per row. detector: of pipeline and replay. reference: measure
    eager torch beside the network where that is possible.
    """

    what: tuple[str, ...] = TARGETS
    people: tuple[int, ...] = (1, 2, 4, 8)
    seconds: float = 2.0
    threads: int | None = None
    detector: str = "auto"
    reference: bool = True


def label(engine: Engine) -> str:
    """Of an engine's rows."""
    return f"{engine.info.backend} {engine.info.precision}"


def run(
    engines: Mapping[str, tuple[Engine, Path]],
    settings: Settings,
    progress: Progress = lambda done, total: None,
) -> Result:
    """Measure engines (by label, with their bundle's folder) side by side, all rows in turns.

    The reference is that of the first engine's model. Raises PearError.
    """
    first, bundle = next(iter(engines.values()))
    notes = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rows: dict[str, tuple[str, Target]] = {}
        for name, (engine, _) in engines.items():
            made = targets(engine, settings.what, settings.people, settings.detector, Path(folder))
            rows |= {f"{name}: {target.key}": (name, target) for target in made}
        blocks: dict[str, Block] = {key: target.run for key, (_, target) in rows.items()}
        torch: EagerTorch | None = None
        if settings.reference and "network" in settings.what:
            reason = why_not(bundle)
            if not reason:
                try:
                    torch = stack.enter_context(EagerTorch(bundle, settings.threads))
                    blocks |= {f"{_REFERENCE} x{n}": torch.block(n) for n in settings.people}
                except PearError as error:
                    reason = str(error)
            if reason:
                notes.append(f"no comparison with eager torch: {reason}")
        blocks |= _peak_blocks(engines, settings)
        before = moment()
        samples = interleaved(blocks, settings.seconds, progress)
        # Before the clock is read: the CPU time of a process counts once it has ended.
        stack.close()
        after = moment()
    summaries = {key: summarise(value) for key, value in samples.items()}
    references = {
        n: summaries[f"{_REFERENCE} x{n}"].median_ms for n in settings.people if torch is not None
    }
    done = tuple(
        Row(
            name,
            target.name,
            target.people,
            summaries[key],
            target.stages_ms(),
            references.get(target.people) if _compared(name, target, engines, bundle) else None,
        )
        for key, (name, target) in rows.items()
    )
    fastest = {key: summary.fastest_ms for key, summary in summaries.items()}
    peaks, lines = _rooflines(engines, done, fastest, notes)
    conditions = between(before, after)
    facts = hardware()
    warning = conditions.warning(int(facts["cores"]))
    notes += [warning] if warning else []
    notes += _unsteady(summaries)
    return Result(
        model=_identity(first),
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=facts,
        versions=versions() | ({"torch": torch.facts["torch"]} if torch else {}),
        conditions=conditions,
        settings=asdict(settings)
        | {"jitter": "p95 - median", "reference_threads": torch.facts["threads"] if torch else None}
        | {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        engines={name: _facts(engine) for name, (engine, _) in engines.items()},
        rows=done,
        peaks=peaks,
        rooflines=lines,
        notes=tuple(notes),
    )


def _compared(
    name: str, target: Target, engines: Mapping[str, tuple[Engine, Path]], bundle: Path
) -> bool:
    """The reference is a network, and of one model."""
    return target.name == "network" and engines[name][1] == bundle


def _peak_blocks(
    engines: Mapping[str, tuple[Engine, Path]], settings: Settings
) -> dict[str, Block]:
    """The machine's peaks, for engines on the CPU whose network is measured."""
    blocks: dict[str, Block] = {}
    for name, (engine, _) in engines.items():
        info = engine.info
        if "network" not in settings.what or not info.device.upper().startswith("CPU"):
            continue
        blocks |= machine.common_blocks() if machine.COPY not in blocks else {}
        own = machine.engine_block(info.backend, info.precision, settings.threads)
        if own is not None:
            blocks[f"{name}: product"] = own
    return blocks


def _rooflines(
    engines: Mapping[str, tuple[Engine, Path]],
    rows: Sequence[Row],
    fastest: Mapping[str, float],
    notes: list[str],
) -> tuple[dict[str, Peaks], dict[str, tuple[Roofline, ...]]]:
    peaks: dict[str, Peaks] = {}
    lines: dict[str, tuple[Roofline, ...]] = {}
    for name, (engine, bundle) in engines.items():
        measured = [row for row in rows if row.engine == name and row.target == "network"]
        if not measured:
            continue
        info = engine.info
        if machine.COPY not in fastest or not info.device.upper().startswith("CPU"):
            notes.append(f"no roofline of {name}: the peaks of {info.device} are not measured")
            continue
        try:
            counted = {row.people: work.count(bundle / NETWORK, row.people) for row in measured}
        except (PearError, ImportError) as error:
            notes.append(f"no roofline of {name}: {error}")
            continue
        peak = machine.peaks(info.precision, fastest.get(f"{name}: product"), fastest)
        peaks[name] = peak
        lines[name] = tuple(
            roofline(counted[row.people], row.people, row.summary.fastest_ms, peak)
            for row in measured
        )
    return peaks, lines


def _unsteady(summaries: Mapping[str, Summary]) -> list[str]:
    names = [key for key, summary in summaries.items() if not summary.steady]
    return [f"still getting faster after the warm-up: {', '.join(names)}"] if names else []


def _identity(engine: Engine) -> dict[str, Any]:
    return asdict(engine.info.identity)


def _facts(engine: Engine) -> dict[str, Any]:
    facts = asdict(engine.info)
    return {name: value for name, value in facts.items() if name != "identity"}
