"""From the shared options to a running engine and pipeline."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pear_ros.assets import model_dir
from pear_ros.engine import Engine, open_engine
from pear_ros.messages.identity import Identity
from pear_ros.output.machine import machine, versions
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.pipeline import Pipeline
from pear_ros.perception.placing.metric import PlaceOptions
from pear_ros.perception.smoothing.smooth import SmoothOptions
from pear_ros.problems import Problems


@dataclass(frozen=True)
class Loaded:
    """What a sub-command works with."""

    engine: Engine
    pipeline: Pipeline
    problems: Problems
    detector: str

    def identity(self) -> dict[str, str]:
        """Who makes the results, for parameter files."""
        own = Identity.of(self.engine.info)
        return {name: getattr(own, name) for name in own.__dataclass_fields__}

    def ran(self) -> dict[str, str]:
        """Model, engine, versions and machine, for reports."""
        info = self.engine.info
        threads = f", {info.threads} threads" if info.threads else ""
        facts = {
            "model": self.identity()["model"],
            "body": self.identity()["body_model"],
            "engine": f"{info.backend} {info.version}, {info.device}, {info.precision}{threads}",
            "detector": self.detector,
        }
        if info.choice:
            facts["fastest of"] = info.choice
        if info.fallback:
            facts["passed over"] = info.fallback
        return facts | versions() | machine()


def load(arguments: argparse.Namespace) -> Loaded:
    """Open what the options name. Raises PearError."""
    folder = model_dir(arguments.model)
    choice = arguments.boxes or arguments.detector
    detector = open_detector(choice, arguments.threads)
    engine = open_engine(folder, arguments.engine, arguments.precision, arguments.threads)
    problems = Problems()
    smoothing = SmoothOptions() if getattr(arguments, "smoothing", False) else None
    pipeline = Pipeline(
        engine, detector, smoothing=smoothing, placing=PlaceOptions(), problems=problems
    )
    name = f"{type(detector).__name__} ({choice})"
    return Loaded(engine, pipeline, problems, name)
