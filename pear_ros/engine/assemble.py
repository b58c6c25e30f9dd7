"""The engine of a back end that runs the three graphs one after the other: warp, network, body.

Back ends only say how a graph becomes a `Session`; an engine that fuses the graphs (TensorRT)
implements `Engine` itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pear_core import layout
from pear_core.anatomy import EHM_JOINTS
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.bundle import BODY, MESH, NETWORK, Bundle
from pear_ros.engine.folded import FoldedJoints, folded
from pear_ros.engine.topology import Topology
from pear_ros.engine.warp import strips
from pear_ros.problems import PearError
from pear_ros.types import Crop, FloatArray, Parameters, RegressorOutput

MESH_INPUTS = (
    "rotations",
    "betas",
    "expression",
    "head_scale",
    "eye_pose",
    "jaw_pose",
    "eyelids",
    "flame_shape",
    "flame_expression",
)
_FROM_RAW = (
    "betas",
    "expression",
    "hand_scale",
    "head_scale",
    "eye_pose",
    "jaw_pose",
    "eyelids",
    "flame_shape",
    "flame_expression",
)


class GraphEngine:
    """Three sessions of one bundle behind the `Engine` interface; safe to call from any thread.

    open_session(name) opens one graph; the mesh graph is opened when the first mesh is asked for.
    numpy takes the place of the body and mesh graphs where `folded` finds that it does the same.
    """

    def __init__(
        self, bundle: Bundle, open_session: Callable[[str], Session], info: EngineInfo
    ) -> None:
        self._bundle, self._open_session, self._info = bundle, open_session, info
        self._network, self._body = open_session(NETWORK), self._geometry(BODY)
        self._mesh: Session | None = None
        self._mesh_lock = threading.Lock()

    def _geometry(self, name: str) -> Session:
        about = str(self._bundle.manifest.get("body", {}).get("scale_about", ""))
        where = str(self._bundle.folder / name)
        return folded(self._bundle.read(name), where, about, self._open_session(name))

    @property
    def info(self) -> EngineInfo:
        if isinstance(self._body, FoldedJoints):
            return replace(self._info, geometry="numpy")
        return self._info

    def chosen(self, choice: str) -> GraphEngine:
        """The same engine, which now says why it was taken."""
        self._info = replace(self._info, choice=choice)
        return self

    @property
    def topology(self) -> Topology:
        return self._bundle.topology

    def raw(self, crops: FloatArray) -> FloatArray:
        """The network alone: vectors (N, 935) of RGB strips (N, 3, 256, 192) in [0, 1]."""
        return self._network.run({"crops": crops})["raw"]

    def regress(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> RegressorOutput:
        start = time.perf_counter()
        batch = strips(image, crops)
        if not crops:
            return empty_output()
        cropped = time.perf_counter()
        raw = self._network.run({"crops": batch})["raw"]
        network = time.perf_counter()
        body = self._body.run({"raw": raw})
        return RegressorOutput(
            parameters=Parameters(
                rotations=body["rotations"], **{name: _field(raw, name) for name in _FROM_RAW}
            ),
            joints=body["joints"],
            keypoints=body["keypoints"],
            camera=body["camera"],
            crop_seconds=cropped - start,
            network_seconds=network - cropped,
            body_seconds=time.perf_counter() - network,
        )

    def joints(self, parameters: Parameters) -> FloatArray:
        if len(parameters) == 0:
            return np.zeros((0, len(EHM_JOINTS), 3), np.float32)
        if isinstance(self._body, FoldedJoints):
            _check_parameters({name: getattr(parameters, name) for name in MESH_INPUTS})
            return self._body.body.joints(parameters)
        return self._body.run({"raw": raw_vector(parameters)})["joints"]

    def mesh(self, parameters: Parameters) -> FloatArray:
        if len(parameters) == 0:
            return np.zeros((0, self.topology.num_vertices, 3), np.float32)
        inputs = {
            name: np.ascontiguousarray(getattr(parameters, name), np.float32)
            for name in MESH_INPUTS
        }
        _check_parameters(inputs)
        with self._mesh_lock:
            if self._mesh is None:
                self._mesh = self._geometry(MESH)
        return self._mesh.run(inputs)["vertices"]


def raw_vector(parameters: Parameters) -> FloatArray:
    """The output vector (N, 935) that means these parameters, its camera 0 0 1."""
    count = len(parameters)
    raw = np.zeros((count, layout.WIDTH), np.float32)
    for name in _FROM_RAW:
        raw[:, layout.FIELDS[name].slice] = getattr(parameters, name)
    columns = parameters.rotations[..., :2].swapaxes(-1, -2)
    raw[:, layout.FIELDS["pose_6d"].slice] = columns.reshape(count, -1)
    raw[:, layout.FIELDS["camera"].slice] = (0.0, 0.0, 1.0)
    return raw


def empty_output() -> RegressorOutput:
    """Nobody in the frame: every array has its shape, with N = 0."""
    parameters = Parameters(
        rotations=np.zeros((0, layout.NUM_ROTATIONS, 3, 3), np.float32),
        **{name: np.zeros((0, *layout.FIELDS[name].shape), np.float32) for name in _FROM_RAW},
    )
    joints = len(EHM_JOINTS)
    return RegressorOutput(
        parameters,
        np.zeros((0, joints, 3), np.float32),
        np.zeros((0, joints, 2), np.float32),
        np.zeros((0, 3), np.float32),
    )


def _field(raw: FloatArray, name: str) -> FloatArray:
    field = layout.FIELDS[name]
    return raw[:, field.slice].reshape(len(raw), *field.shape)


def _check_parameters(inputs: dict[str, FloatArray]) -> None:
    count = len(inputs["rotations"])
    for name, value in inputs.items():
        shape = (
            (count, layout.NUM_ROTATIONS, 3, 3)
            if name == "rotations"
            else (count, *layout.FIELDS[name].shape)
        )
        if value.shape != shape:
            raise PearError(
                f"parameters.{name} has another shape",
                where="engine",
                expected=str(shape),
                found=str(value.shape),
            )
