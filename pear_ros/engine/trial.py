"""Which of several engines is the fastest on this computer: measured once, then remembered.

Which one wins depends on the processor, the versions and the model, so no table could say it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pear_core.layout import CROP_SIZE
from pear_ros.engine import cache
from pear_ros.engine.base import Engine
from pear_ros.engine.bundle import Bundle
from pear_ros.problems import PearError
from pear_ros.types import Crop

Candidate = tuple[str, str]
"""Back end and precision."""
Opened = Callable[[Candidate], Engine]

ROUNDS, WARM_UP = 7, 2
EQUAL = 1.1
"""Times up to this factor apart are noise; then exactness decides."""
EXACT = ("f32", "f16", "bf16", "w8", "int8")
"""Most exact first."""
LARGE = 1_000_000_000
"""Bytes of a bundle from which engines are not opened side by side."""
KEPT = 50
"""Remembered choices; the oldest go first."""
_PACKAGES = ("openvino", "onnxruntime", "numpy")
_FILE = "choices.json"


def ordered(
    bundle: Bundle, candidates: Sequence[Candidate], threads: int | None, opened: Opened
) -> list[Candidate]:
    """`candidates`, fastest first, from memory or measured now; as they came where neither works.

    opened: opens one. What cannot be opened comes last, in the order given. Without a place to
    remember it nothing is measured, since every start would then choose anew.
    """
    folder = cache.cache_folder("engines")
    if folder is None or len(candidates) < 2:
        return list(candidates)
    path, key = folder / _FILE, memory_key(bundle, candidates, threads)
    remembered = recall(path, key, candidates)
    if remembered is not None:
        return remembered
    seconds = measure(candidates, opened, together=not large(bundle))
    if not seconds:
        return list(candidates)
    remember(path, key, seconds)
    return by_time(candidates, seconds)


def told(bundle: Bundle, candidates: Sequence[Candidate], threads: int | None) -> str:
    """The remembered trial in words, in the order in which engines are tried; "" where there is none."""
    folder = cache.cache_folder("engines")
    if folder is None or len(candidates) < 2:
        return ""
    seconds = times(folder / _FILE, memory_key(bundle, candidates, threads), candidates)
    if seconds is None:
        return ""
    order = [c for c in by_time(candidates, seconds) if c in seconds]
    return ", ".join(f"{b} {p} {1e3 * seconds[b, p]:.1f} ms" for b, p in order)


def large(bundle: Bundle) -> bool:
    """Whether several engines of this model at once would be too much for the memory."""
    files = bundle.manifest["files"]
    return sum(int(entry["size"]) for entry in files.values()) > LARGE


def measure(
    candidates: Sequence[Candidate], opened: Opened, together: bool = True
) -> dict[Candidate, float]:
    """Fastest call of each candidate for one person, in seconds; who cannot be opened is left out.

    together: they take turns, so that a busy moment hits all of them; else one is opened after the
    other.
    """
    if not together:
        found: dict[Candidate, float] = {}
        for candidate in candidates:
            found |= measure([candidate], opened)
        return found
    engines: dict[Candidate, Engine] = {}
    for candidate in candidates:
        try:
            engines[candidate] = opened(candidate)
        except (PearError, ImportError, OSError):
            continue
    picture = np.random.default_rng(0).integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8)
    crops = [Crop(CROP_SIZE / 2, CROP_SIZE / 2, CROP_SIZE)]
    best = dict.fromkeys(engines, float("inf"))
    for turn in range(WARM_UP + ROUNDS):
        for candidate, engine in engines.items():
            start = time.perf_counter()
            engine.regress(picture, crops)
            if turn >= WARM_UP:
                best[candidate] = min(best[candidate], time.perf_counter() - start)
    return best


def by_time(candidates: Sequence[Candidate], seconds: Mapping[Candidate, float]) -> list[Candidate]:
    """Fastest first. Of those that are as fast as the fastest the most exact comes first, then in
    the order given; those without a time come last.
    """
    best = min(seconds.values(), default=0.0)

    def rank(candidate: Candidate) -> tuple[int, float]:
        time = seconds.get(candidate, float("inf"))
        return (0, exactness(candidate[1])) if time <= EQUAL * best else (1, time)

    return sorted(candidates, key=rank)


def exactness(precision: str) -> int:
    """0 for the most exact."""
    return EXACT.index(precision) if precision in EXACT else len(EXACT)


def memory_key(bundle: Bundle, candidates: Sequence[Candidate], threads: int | None) -> str:
    """Differs where anything differs that a choice depends on."""
    graphs = {n: bundle.sha256(n) for n in bundle.manifest["files"] if n.endswith(".onnx")}
    facts = [graphs, sorted(candidates), threads, _versions(), _processor()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def recall(path: Path, key: str, candidates: Sequence[Candidate]) -> list[Candidate] | None:
    """The remembered order, None where there is none, or a damaged one."""
    seconds = times(path, key, candidates)
    return None if seconds is None else by_time(candidates, seconds)


def times(path: Path, key: str, candidates: Sequence[Candidate]) -> dict[Candidate, float] | None:
    """Remembered seconds of a call for one person, None where there are none, or damaged ones."""
    rows = _remembered(path).get(key)
    try:
        found = {(str(b), str(p)): float(s) for b, p, s in rows}  # type: ignore[union-attr]
    except (TypeError, ValueError):
        return None
    if not found or not set(found) <= set(candidates) or not all(t > 0 for t in found.values()):
        return None
    return found


def remember(path: Path, key: str, seconds: Mapping[Candidate, float]) -> None:
    """Add a choice to the file. What another process wrote meanwhile may be lost: it measures again."""
    known = _remembered(path)
    known.pop(key, None)
    known[key] = [[*candidate, round(time, 6)] for candidate, time in seconds.items()]
    kept = dict(list(known.items())[-KEPT:])
    cache.write_text(path, json.dumps(kept, indent=1) + "\n")


def _remembered(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """Model and features, since virtual machines hide either."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    wanted = ("model name", "flags", "features", "cpu part")
    first = {name.strip().lower(): value for name, _, value in (x.partition(":") for x in lines)}
    told = [first[name] for name in wanted if name in first]
    return "|".join([*told, str(lines.count("")), platform.machine(), platform.processor()])
