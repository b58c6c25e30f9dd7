"""One TensorRT plan on the GPU: memory, execution contexts, CUDA graphs, and calls of any size.

A call fills pinned memory, copies it up once, runs its chunks on one stream and copies the answers
down. Two calls may be under way: while one computes, the other fills or empties its memory.
"""

from __future__ import annotations

import queue
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import tensorrt as trt
from numpy.typing import NDArray

from pear_ros.engine.cuda_memory import (
    CaptureError,
    CudaDevice,
    CudaGraph,
    DeviceMemory,
    copy,
    download,
    pinned,
    roomy,
    upload,
)
from pear_ros.engine.tensorrt_build import Log, open_plan
from pear_ros.engine.tensorrt_plan import (
    BUCKETS,
    Call,
    OutOfMemory,
    Shape,
    Signature,
    bucket_blocks,
    fill,
    gather,
    halved,
    lay_out,
)
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

_KEPT_RUNNERS = 16
"""Execution contexts, each of a bucket and a picture size, that a graph keeps."""
_SLOTS = 2


class Slot:
    """Pinned memory of one call; two of them let one call fill while another one computes."""

    def __init__(self) -> None:
        self.upload = self.download = np.zeros(0, np.uint8)

    def has_room(self, call: Call) -> bool:
        return call.upload_bytes <= len(self.upload) and call.download_bytes <= len(self.download)

    def grow(self, call: Call) -> None:
        if call.upload_bytes > len(self.upload):
            self.upload = pinned(roomy(call.upload_bytes))
        if call.download_bytes > len(self.download):
            self.download = pinned(roomy(call.download_bytes))


class Runner:
    """One execution context: a bucket, a size of picture, fixed addresses; from its second run on a
    CUDA graph, if the driver captures one.
    """

    def __init__(self, context: trt.IExecutionContext) -> None:
        self.context = context
        self.graph: CudaGraph | None = None
        self.refused = ""
        self._runs = 0

    def run(self, device: CudaDevice, log: Log) -> None:
        def enqueue() -> bool:
            return self.context.execute_async_v3(device.stream_handle)

        self._runs += 1
        # TensorRT must have run a shape once before it may be captured; a picture size that comes
        # only once is not worth a capture.
        if self._runs == 2:
            try:
                self.graph = CudaGraph(device, enqueue)
            except CaptureError as error:
                self.refused = f"{error} {log.take()}".strip()
        if self.graph is not None:
            self.graph.launch()
        elif not enqueue():
            raise log.failure("TensorRT could not run the graph", device.name)


class Loaded:
    """An engine on the GPU with the memory of all its buckets. Everything here happens inside
    `CudaDevice.current`.
    """

    def __init__(
        self,
        device: CudaDevice,
        engine: trt.ICudaEngine,
        signature: Signature,
        profiles: tuple[int, ...],
        buckets: tuple[int, ...],
        log: Log,
    ) -> None:
        self._device, self._engine, self._signature = device, engine, signature
        self._profiles, self._log = profiles, log
        self.buckets = buckets
        self._memory: list[DeviceMemory] = []
        self._homes: dict[int, tuple[DeviceMemory, DeviceMemory]] = {}
        self._runners: OrderedDict[tuple[int, tuple[Shape, ...]], Runner] = OrderedDict()
        try:
            # One block for the activations of all contexts: a single stream runs them in turn.
            sizes = [
                engine.get_device_memory_size_for_profile_v2(profiles.index(b)) for b in buckets
            ]
            self._activations = self._allocate(max(sizes))
            self._upload = self._allocate(roomy(1))
            for bucket in buckets:
                inputs, outputs = bucket_blocks(signature, bucket)
                home = self._allocate(inputs.nbytes), self._allocate(outputs.nbytes)
                self._homes[bucket] = home
        except Exception:
            self.close()
            raise

    @property
    def refused_capture(self) -> str:
        """Why a CUDA graph was not captured, if one was not."""
        return next((r.refused for r in self._runners.values() if r.refused), "")

    def run(self, call: Call, slot: Slot, shapes: tuple[Shape, ...]) -> None:
        """Upload, run every chunk, download, wait. shapes: of the shared inputs."""
        if not self._memory:
            raise PearError("no GPU memory is left for this graph", where=self._device.name)
        if call.upload_bytes > self._upload.nbytes:
            self._replace_upload(roomy(call.upload_bytes))
        try:
            upload(self._device, self._upload.address, slot.upload[: call.upload_bytes])
            for c in call.chunks:
                inputs, outputs = bucket_blocks(self._signature, c.bucket)
                home_in, home_out = self._homes[c.bucket]
                source = self._upload.address + c.upload
                copy(self._device, home_in.address, source, inputs.nbytes)
                self._runner(c.bucket, call, shapes).run(self._device, self._log)
                target = slot.download[c.download : c.download + outputs.nbytes]
                download(self._device, target, home_out.address)
        finally:
            # Also after a failure: the slot's memory is about to be used again.
            self._device.stream.synchronize()

    def close(self) -> None:
        """Give everything back, the users of memory before the memory."""
        self._forget_runners()
        for memory in self._memory:
            memory.free()
        self._memory.clear()
        self._homes.clear()

    def _runner(self, bucket: int, call: Call, shapes: tuple[Shape, ...]) -> Runner:
        key = bucket, shapes
        if key in self._runners:
            self._runners.move_to_end(key)
            return self._runners[key]
        while len(self._runners) >= _KEPT_RUNNERS:
            # The oldest may still be running: an earlier chunk of this call was enqueued with it.
            self._device.stream.synchronize()
            _free(self._runners.popitem(last=False)[1])
        self._runners[key] = Runner(self._context(bucket, call, shapes))
        return self._runners[key]

    def _context(self, bucket: int, call: Call, shapes: tuple[Shape, ...]) -> trt.IExecutionContext:
        context = self._engine.create_execution_context(
            trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        if context is None:
            raise self._log.failure("TensorRT cannot make an execution context", self._device.name)
        profile = self._profiles.index(bucket)
        done = context.set_optimization_profile_async(profile, self._device.stream_handle)
        self._device.stream.synchronize()
        context.set_device_memory(self._activations.address, self._activations.nbytes)
        inputs, outputs = bucket_blocks(self._signature, bucket)
        home_in, home_out = self._homes[bucket]
        for tensor, shape in zip(self._signature.shared, shapes):
            address = self._upload.address + call.shared.places[tensor.name][0]
            done &= context.set_input_shape(tensor.name, shape)
            done &= context.set_tensor_address(tensor.name, address)
        for name, (offset, shape, _) in inputs.places.items():
            done &= context.set_input_shape(name, shape)
            done &= context.set_tensor_address(name, home_in.address + offset)
        for name, (offset, _, _) in outputs.places.items():
            done &= context.set_tensor_address(name, home_out.address + offset)
        if not done or context.infer_shapes():
            raise self._log.failure("TensorRT refuses shapes or addresses", self._device.name)
        return context

    def _replace_upload(self, nbytes: int) -> None:
        """A larger upload block; every context holds the old one's address, so all are forgotten."""
        self._forget_runners()
        self._memory.remove(self._upload)
        self._upload.free()
        self._upload = self._allocate(nbytes)

    def _forget_runners(self) -> None:
        while self._runners:
            _free(self._runners.popitem()[1])

    def _allocate(self, nbytes: int) -> DeviceMemory:
        memory = DeviceMemory(nbytes)
        self._memory.append(memory)
        return memory


class TensorRtSession:
    """One graph for any number of people; safe to call from any thread."""

    def __init__(
        self,
        device: CudaDevice,
        plan: bytes,
        signature: Signature,
        profiles: tuple[int, ...],
        runtime: trt.Runtime,
        log: Log,
    ) -> None:
        self._device, self._signature, self._log = device, signature, log
        self._profiles = profiles
        self._slots: queue.LifoQueue[Slot] = queue.LifoQueue()
        for _ in range(_SLOTS):
            self._slots.put(Slot())
        with device.current():
            self._engine = open_plan(plan, signature, profiles, runtime, log)
        self._loaded = self._load(profiles)

    @property
    def notes(self) -> list[str]:
        """What was given up on the way, in words."""
        notes = []
        loaded = self._loaded
        if loaded.buckets != BUCKETS:
            notes.append(f"GPU memory is short: at most {loaded.buckets[-1]} people at a time")
        if loaded.refused_capture:
            notes.append(f"no CUDA graph ({loaded.refused_capture})")
        return notes

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, FloatArray]:
        """All outputs for all people; inputs with the shapes and types of the signature."""
        count = len(inputs[self._signature.personal[0].name])
        shared = {t.name: inputs[t.name].shape for t in self._signature.shared}
        slot = self._slots.get()
        try:
            while True:
                loaded = self._loaded
                call = lay_out(self._signature, loaded.buckets, count, shared)
                if not slot.has_room(call):
                    with self._device.current():
                        slot.grow(call)
                fill(call, self._signature, slot.upload, inputs)
                try:
                    with self._device.current():
                        if loaded is not self._loaded:
                            continue
                        loaded.run(call, slot, tuple(shared.values()))
                except OutOfMemory as error:
                    self._give_way(loaded, error)
                    continue
                return gather(call, self._signature, slot.download, count)
        finally:
            self._slots.put(slot)

    def _give_way(self, failed: Loaded, error: OutOfMemory) -> None:
        """Load again with smaller buckets, unless another thread just did."""
        with self._device.current():
            if failed is self._loaded:
                fewer = halved(failed.buckets, error)
                failed.close()
                self._loaded = self._load(fewer)

    def _load(self, buckets: tuple[int, ...]) -> Loaded:
        while True:
            try:
                with self._device.current():
                    loaded = Loaded(
                        self._device,
                        self._engine,
                        self._signature,
                        self._profiles,
                        buckets,
                        self._log,
                    )
            except OutOfMemory as error:
                buckets = halved(buckets, error)
                continue
            weakref.finalize(self, _close, self._device, loaded)
            return loaded


def _free(runner: Runner) -> None:
    if runner.graph is not None:
        runner.graph.free()


def _close(device: CudaDevice, loaded: Loaded) -> None:
    with suppress(PearError), device.current():
        loaded.close()
