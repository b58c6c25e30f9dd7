"""What every engine is: one call for all people of a frame, and vertices on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pear_ros.engine.topology import Topology
from pear_ros.types import Crop, FloatArray, Parameters, RegressorOutput


@dataclass(frozen=True)
class ModelIdentity:
    """Which model this is; every graph of a bundle carries the same one.

    model: name of the bundle. preset: name of the network's sizes. body, body_sha256: the body
    model whose parameters come out. layout, joints: fingerprints of the output vector and of the
    joint order. crop: the crop convention in words. colour: channel order of the crops.
    weights_sha256: the checkpoint. step: how long it trained.
    """

    model: str
    preset: str
    body: str
    body_sha256: str
    layout: str
    joints: str
    crop: str
    colour: str
    weights_sha256: str
    step: int


@dataclass(frozen=True)
class EngineInfo:
    """What runs the model, for diagnostics, messages and reports.

    precision is the network's; body and mesh are always f32. threads 0: the back end's own choice.
    geometry: what runs body and mesh. fallback: why a better back end is not used, empty where
    nothing was given up. choice: what a trial on this computer measured, the one that runs first;
    empty where none decided.
    """

    backend: str
    version: str
    device: str
    precision: str
    threads: int
    identity: ModelIdentity
    geometry: str
    fallback: str = ""
    choice: str = ""


class Session(Protocol):
    """One graph on one back end: named float32 arrays in and out; safe to call from any thread.

    The arrays that come out are the caller's own. The leading axis (people) varies freely, but is
    never 0.
    """

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]: ...


@runtime_checkable
class Engine(Protocol):
    """A model bundle, ready to run."""

    @property
    def info(self) -> EngineInfo: ...

    @property
    def topology(self) -> Topology: ...

    def regress(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> RegressorOutput:
        """Parameters, joints and crop camera of all people; crops may be empty.

        image: (H, W, 3) uint8 RGB. Raises PearError for another kind of image and for a crop
        without area.
        """
        ...

    def joints(self, parameters: Parameters) -> FloatArray:
        """Joints (N, 145, 3) of given parameters, as RegressorOutput.joints; for smoothed poses."""
        ...

    def mesh(self, parameters: Parameters) -> FloatArray:
        """Vertices (N, V, 3) in metres, body model's output frame (as RegressorOutput.joints)."""
        ...
