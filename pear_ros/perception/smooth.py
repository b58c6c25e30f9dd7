"""Causal filtering of people over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pear_ros.types import FloatArray, Human, Intrinsics, Parameters, Reference


class Jointer(Protocol):
    """The part of an engine the smoother needs."""

    def joints(self, parameters: Parameters) -> FloatArray: ...


@dataclass(frozen=True)
class SmoothOptions:
    """Strength of the filters."""


class Smoother:
    """Filters each track's pose, shape and place."""

    def __init__(self, engine: Jointer, options: SmoothOptions) -> None:
        self._engine, self.options = engine, options

    def smooth(
        self,
        stamp: int,
        humans: tuple[Human, ...],
        intrinsics: Intrinsics,
        reference: Reference | None,
    ) -> tuple[Human, ...]:
        """The people of one frame, filtered; stamp in nanoseconds."""
        return humans
