"""How a live run is doing, on one line of the terminal or as JSON lines."""

from __future__ import annotations

import json
import math
import sys
import time

from pear_ros.live.application import Application
from pear_ros.live.worker import Done
from pear_ros.types import Human, ScaleSource, TrackState


class StatusLine:
    """Shows an application's numbers every `period` seconds."""

    def __init__(self, application: Application, *, as_json: bool, quiet: bool) -> None:
        self._application, self._json, self._quiet = application, as_json, quiet
        self._inplace = sys.stderr.isatty() and not as_json
        self.period = 0.2 if self._inplace else 1.0

    def show(self) -> None:
        if self._json:
            print(json.dumps(self._facts()), flush=True)
        elif not self._quiet:
            end, clear = ("\r", "\x1b[2K") if self._inplace else ("\n", "")
            print(clear + self._line(), end=end, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """The last word: what was seen in all."""
        application = self._application
        if self._inplace and not self._quiet:
            print(file=sys.stderr)
        faults = application.problems.counts
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items())) or "no faults"
        text = (
            f"{application.vitals.frames} of {application.slot.received} pictures, "
            f"{application.slot.replaced} gave way to newer ones, {told}"
        )
        if self._json:
            print(json.dumps(self._facts() | {"faults": dict(faults)}), flush=True)
        else:
            print(text)

    def _facts(self) -> dict[str, object]:
        application = self._application
        vital = application.vitals.read(time.monotonic_ns())
        last = application.last
        return {
            "rate_in": round(vital.rate_in, 2),
            "rate_out": round(vital.rate_out, 2),
            "latency_ms": [_milliseconds(v) for v in vital.latency],
            "frames": application.vitals.frames,
            "replaced": application.slot.replaced,
            "people": [] if last is None else [_person(h) for h in last.result.humans],
        }

    def _line(self) -> str:
        application = self._application
        vital = application.vitals.read(time.monotonic_ns())
        if not application.slot.received:
            return f"waiting for pictures from {application.source.topic}"
        median, high, _ = vital.latency
        parts = [f"{vital.rate_in:.1f} Hz in, {vital.rate_out:.1f} out"]
        if math.isfinite(median):
            parts.append(f"{median * 1e3:.0f} ms (95 %: {high * 1e3:.0f})")
        parts.append(_people(application.last))
        return " | ".join(parts)


def _milliseconds(seconds: float) -> float | None:
    return round(seconds * 1e3, 2) if math.isfinite(seconds) else None


def _people(done: Done | None) -> str:
    if done is None or not done.result.humans:
        return "nobody"
    return ", ".join(_short(human) for human in done.result.humans[:4])


def _short(human: Human) -> str:
    state = "" if human.state is TrackState.TRACKED else f" {human.state.name.lower()}"
    if human.scale is ScaleSource.NONE:
        return f"#{human.track_id}{state}"
    pelvis = human.joints[0]
    return f"#{human.track_id}{state} {pelvis[2]:.2f} m ± {human.depth_sigma:.2f}"


def _person(human: Human) -> dict[str, object]:
    return {
        "track_id": human.track_id,
        "state": human.state.name,
        "pelvis": [round(float(v), 4) for v in human.joints[0]],
        "scale": human.scale.name,
        "depth_sigma": human.depth_sigma if math.isfinite(human.depth_sigma) else None,
    }
