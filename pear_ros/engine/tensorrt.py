"""TensorRT on an NVIDIA GPU: crop, network and body in one plan, one upload and one launch.

Needs a bundle with the fused graph (`pear export --to tensorrt`), whose types are fixed, TensorRT
10.1 or later and pycuda. See docs/tensorrt.md for what of this has run and what has not.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorrt as trt
from numpy.typing import NDArray

from pear_ros.engine import tensorrt_cache as cache
from pear_ros.engine import warp
from pear_ros.engine.assemble import _FROM_RAW, GraphEngine, _field, empty_output
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.bundle import (
    BODY,
    DATA_SUFFIX,
    IDENTITY_KEY,
    MANIFEST,
    MESH,
    NETWORK,
    Bundle,
    canonical,
)
from pear_ros.engine.cuda_memory import CudaDevice, cuda_device
from pear_ros.engine.onnx_metadata import read_metadata
from pear_ros.engine.tensorrt_build import Log, build_plan
from pear_ros.engine.tensorrt_plan import (
    BODY_SIGNATURE,
    BUCKETS,
    DEVICE_VARIABLE,
    FUSED_SIGNATURE,
    LARGEST_IMAGE,
    OutOfMemory,
    Signature,
    check_version,
    device_index,
    fits_plan,
    halved,
    mesh_signature,
    mosaic,
)
from pear_ros.engine.tensorrt_session import TensorRtSession
from pear_ros.problems import PearError
from pear_ros.types import Crop, FloatArray, Parameters, RegressorOutput

FUSED = "fused.onnx"
_MOSAIC = 8


class TensorRtEngine(GraphEngine):
    """A bundle on TensorRT: regress runs the fused plan, joints and meshes have their own."""

    def __init__(
        self, bundle: Bundle, sessions: Mapping[str, TensorRtSession], info: EngineInfo
    ) -> None:
        def session(name: str) -> Session:
            chosen: Session = sessions[name]
            return chosen

        super().__init__(bundle, session, info)
        self._sessions = sessions

    @property
    def info(self) -> EngineInfo:
        notes = [f"{k}: {n}" for k, s in self._sessions.items() for n in s.notes]
        fallback = "; ".join(filter(None, [self._info.fallback, *notes]))
        return replace(self._info, fallback=fallback)

    def regress(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> RegressorOutput:
        start = time.perf_counter()
        warp._check_image(image)
        for crop in crops:
            warp._strip_to_image(crop)
        if not crops:
            return empty_output()
        if fits_plan(*image.shape[:2]):
            out = self._fused(image, crops)
        else:
            groups = (crops[i : i + _MOSAIC] for i in range(0, len(crops), _MOSAIC))
            parts = [self._fused(*mosaic(image, group)) for group in groups]
            out = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        raw = out["raw"]
        return RegressorOutput(
            parameters=Parameters(
                rotations=out["rotations"], **{name: _field(raw, name) for name in _FROM_RAW}
            ),
            joints=out["joints"],
            keypoints=out["keypoints"],
            camera=out["camera"],
            network_seconds=time.perf_counter() - start,
        )

    def _fused(self, image: NDArray[np.uint8], crops: Sequence[Crop]) -> dict[str, FloatArray]:
        rows = np.array([(c.cx, c.cy, c.side) for c in crops], np.float32)
        return self._sessions[NETWORK].run({"image": image, "crops": rows})


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> TensorRtEngine:
    """The bundle on TensorRT; the first time on a device its plans are built, which takes minutes.

    precision must be "auto" or the one that the fused graph was exported with. threads is not used.
    The GPU is the first, or the one of $PEAR_TENSORRT_DEVICE. Raises PearError.
    """
    check_version(str(trt.__version__))
    index = device_index(os.environ.get(DEVICE_VARIABLE, ""))
    computes = _fused_precision(bundle)
    if precision not in ("auto", computes):
        raise PearError(
            "the fused graph has another precision",
            where=str(bundle.folder / FUSED),
            expected=f"auto or {computes}",
            found=precision,
        )
    device, log = cuda_device(index), Log()
    try:
        with device.current():
            runtime = trt.Runtime(log)
    except (TypeError, RuntimeError) as error:  # pybind11's words for a null pointer
        raise PearError(
            "TensorRT does not start", where=device.name, found=f"{error} {log.take()}"
        ) from None
    signatures = {
        NETWORK: (FUSED, FUSED_SIGNATURE),
        BODY: (BODY, BODY_SIGNATURE),
        MESH: (MESH, mesh_signature(bundle.topology.num_vertices)),
    }
    sessions = {
        role: _open_session(_source(bundle, graph, signature, device), runtime, log)
        for role, (graph, signature) in signatures.items()
    }
    info = EngineInfo(
        backend="tensorrt",
        version=str(trt.__version__),
        device=device.name,
        precision=computes,
        threads=0,
        identity=bundle.identity,
        geometry="tensorrt",
        fallback=fallback,
    )
    return TensorRtEngine(bundle, sessions, info)


def _fused_precision(bundle: Bundle) -> str:
    where = str(bundle.folder / FUSED)
    if FUSED not in bundle.manifest["files"]:
        raise PearError(
            "the bundle has no fused graph for TensorRT",
            where=where,
            expected=f"pear export {bundle.identity.model} --to tensorrt",
        )
    carried = read_metadata(bundle.read(FUSED), where).get(IDENTITY_KEY)
    expected = canonical(bundle.manifest["identity"])
    if carried != expected:
        raise PearError(
            "belongs to another model", where=where, expected=expected, found=str(carried)
        )
    graph = bundle.manifest.get("graphs", {}).get(FUSED, {})
    computes = str(graph.get("computes", "f32"))
    if computes in bundle.refused:
        raise PearError(
            f"{computes} is too far from float32 for this model",
            where=str(bundle.folder / MANIFEST),
            found=bundle.refused[computes],
        )
    return computes


@dataclass(frozen=True)
class Source:
    """A graph of a bundle, the device to build it for, and where its plans are kept.

    beside: the graph's path where its weights lie in a file beside it. name: for messages.
    """

    graph: str
    signature: Signature
    onnx: bytes
    beside: Path | None
    sha256: str
    where: Path
    name: str
    device: CudaDevice
    folder: Path

    def place(self, buckets: tuple[int, ...]) -> tuple[Path, cache.Facts]:
        """Path of the plan for these buckets, and what it is a plan of."""
        facts = cache.plan_facts(
            str(trt.__version__), self.device.description, self.sha256, buckets, LARGEST_IMAGE
        )
        return cache.plan_path(self.folder, self.name, facts), facts


def _source(bundle: Bundle, graph: str, signature: Signature, device: CudaDevice) -> Source:
    files, beside = bundle.manifest["files"], bundle.beside(graph)
    weights = [] if beside is None else [files[graph + DATA_SUFFIX]["sha256"]]
    return Source(
        graph=graph,
        signature=signature,
        onnx=bundle.read(graph),
        beside=beside,
        sha256=" ".join([files[graph]["sha256"], *weights]),
        where=bundle.folder / graph,
        name=f"{bundle.identity.model}-{Path(graph).stem}",
        device=device,
        folder=cache.cache_folder(os.environ),
    )


def _open_session(source: Source, runtime: trt.Runtime, log: Log) -> TensorRtSession:
    """A graph's session, with fewer and smaller buckets where the GPU has no room to build more.

    If a plan for fewer buckets is all there is, that was so before: building more is not tried again.
    """
    kept = [BUCKETS[: i + 1] for i in range(len(BUCKETS))]
    built = [buckets for buckets in kept if source.place(buckets)[0].exists()]
    buckets = built[-1] if built else BUCKETS
    while True:
        try:
            return _opened(source, buckets, runtime, log)
        except OutOfMemory as error:
            buckets = halved(buckets, error)
            _say(f"{source.name}: {error}; built for {buckets[-1]} people at a time instead")


def _opened(
    source: Source, buckets: tuple[int, ...], runtime: trt.Runtime, log: Log
) -> TensorRtSession:
    def opened() -> TensorRtSession:
        plan = _plan(source, buckets, log)
        try:
            return TensorRtSession(source.device, plan, source.signature, buckets, runtime, log)
        except OutOfMemory as error:  # not for one person either; another plan would not help
            raise PearError(
                "the GPU has no room for the graph", where=str(source.where), found=error.found
            ) from None

    try:
        return opened()
    except cache.UnusablePlan as error:
        _say(f"{source.name}: {error}; the plan is built again")
        cache.discard(source.place(buckets)[0])
    try:
        return opened()
    except cache.UnusablePlan as error:
        raise PearError(
            "TensorRT refuses the plan that it built", where=str(source.where), found=str(error)
        ) from None


def _plan(source: Source, buckets: tuple[int, ...], log: Log) -> bytes:
    """The graph's plan for this device, from the cache or built."""
    path, facts = source.place(buckets)
    timing = cache.timing_path(source.folder, str(trt.__version__), source.device.description)
    what = f"TensorRT plan of {source.name}"
    with cache.build_lock(path, lambda: _say(f"{what}: another process builds it, waiting")):
        try:
            return cache.read_plan(path, facts)
        except cache.UnusablePlan as reason:
            _say(f"{what}: {reason}; building it takes minutes, once per device")
        known = b""
        with suppress(OSError):
            known = timing.read_bytes()
        start = time.perf_counter()
        with source.device.current():
            plan, measured = build_plan(
                source.onnx,
                source.where,
                source.beside is not None,
                source.signature,
                buckets,
                known,
                source.device.free_bytes() // 2,
                log,
                lambda text: _say(f"{what}: {text}"),
            )
        cache.write_plan(path, plan, facts)
        cache.write_whole(timing, measured)
        _say(f"{what}: {len(plan) / 1e6:.0f} MB in {time.perf_counter() - start:.0f} s -> {path}")
    return plan


def _say(text: str) -> None:
    print(f"pear: {text}", file=sys.stderr, flush=True)
