"""A GPU as TensorRT needs it: the primary context, one stream, memory, and captured CUDA graphs.

pycuda supplies context, memory and stream. The context is the device's primary one, which the CUDA
runtime inside TensorRT uses as well; it is current only inside `CudaDevice.current`, so any thread
may call and none is left with it. pycuda has no stream capture: those six calls go to the driver.
"""

from __future__ import annotations

import ctypes
import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pycuda.driver as cuda
from numpy.typing import NDArray

from pear_ros.engine.tensorrt_plan import OutOfMemory, tells_of_memory
from pear_ros.problems import PearError

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: never waits for the legacy default stream of other libraries."""
_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads allocate does not break a capture."""
_NO_MEMORY = 2
"""CUDA_ERROR_OUT_OF_MEMORY."""
_GRANULE = 1 << 20


class CudaDevice:
    """One GPU with one stream; raises PearError where there is none."""

    def __init__(self, index: int) -> None:
        self._lock = threading.RLock()
        try:
            cuda.init()
            count = cuda.Device.count()
            if index >= count:
                raise PearError(
                    "no such GPU", where="cuda", expected=f"0..{count - 1}", found=str(index)
                )
            device = cuda.Device(index)
            self._context = device.retain_primary_context()
            major, minor = device.compute_capability()
            processors = device.get_attribute(cuda.device_attribute.MULTIPROCESSOR_COUNT)
        except cuda.Error as error:
            raise PearError("no usable GPU", where="cuda", found=str(error)) from None
        self.name = str(device.name())
        self.description = f"{self.name}, compute {major}.{minor}, {processors} multiprocessors"
        with self.current():
            self.stream = cuda.Stream(_NON_BLOCKING)
        # pycuda's own clean-up would release a primary context with the wrong call and complain. At
        # exit finalizers run in reverse order: this one after those of the sessions.
        weakref.finalize(self, _leave, self._context)

    @property
    def stream_handle(self) -> int:
        return int(self.stream.handle)

    @contextmanager
    def current(self) -> Iterator[None]:
        """The device for this thread alone, until the block ends.

        Raises OutOfMemory and PearError for what pycuda raises inside.
        """
        with self._lock:
            try:
                self._context.push()
            except cuda.Error as error:
                raise PearError("the GPU is gone", where="cuda", found=str(error)) from None
            try:
                yield
            except cuda.Error as error:
                text = str(error)
                memory = isinstance(error, cuda.MemoryError) or tells_of_memory(text)
                kind = OutOfMemory if memory else PearError
                raise kind("CUDA call failed", where=self.name, found=text) from None
            finally:
                self._context.pop()

    def free_bytes(self) -> int:
        """Free memory of the GPU; on a Jetson that is the machine's."""
        return int(cuda.mem_get_info()[0])


@functools.cache
def cuda_device(index: int) -> CudaDevice:
    """The device of this process; kept until the process ends, as its context is."""
    return CudaDevice(index)


class DeviceMemory:
    """A block of GPU memory. Make, grow and free it inside `CudaDevice.current`."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._allocation: Any = cuda.mem_alloc(max(nbytes, 1))
        self.address = int(self._allocation)

    def free(self) -> None:
        self._allocation.free()


def pinned(nbytes: int) -> NDArray[np.uint8]:
    """Page-locked host memory, which the GPU copies from and to by itself."""
    memory: NDArray[np.uint8] = cuda.pagelocked_empty(nbytes, np.uint8)
    return memory


def roomy(nbytes: int) -> int:
    """Rounded up to whole MiB, so that a slightly larger picture needs no new memory."""
    return -(-max(nbytes, 1) // _GRANULE) * _GRANULE


def upload(device: CudaDevice, address: int, source: NDArray[np.uint8]) -> None:
    cuda.memcpy_htod_async(address, source, device.stream)


def download(device: CudaDevice, target: NDArray[np.uint8], address: int) -> None:
    cuda.memcpy_dtoh_async(target, address, device.stream)


def copy(device: CudaDevice, target: int, source: int, nbytes: int) -> None:
    """Inside GPU memory."""
    cuda.memcpy_dtod_async(target, source, nbytes, device.stream)


class CaptureError(PearError):
    """The driver would not capture or launch a graph; its number (CUresult) says why."""


class CudaGraph:
    """Work that was captured from a stream and is launched again as one piece.

    Capture and free it inside `CudaDevice.current`. Raises CaptureError; the stream is usable then.
    """

    def __init__(self, device: CudaDevice, enqueue: Callable[[], bool]) -> None:
        self._device, self._driver = device, _driver()
        stream = ctypes.c_void_p(device.stream_handle)
        graph, self._exec = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", stream, ctypes.c_int(_THREAD_LOCAL))
        enqueued = False
        try:
            enqueued = enqueue()
        finally:
            ended = self._driver.cuStreamEndCapture(stream, ctypes.byref(graph))
        try:
            if not enqueued or ended:
                raise CaptureError(
                    "capture failed", where="cuda", found=f"error {ended}, enqueued {enqueued}"
                )
            self._call(
                "cuGraphInstantiateWithFlags",
                ctypes.byref(self._exec),
                graph,
                ctypes.c_ulonglong(0),
            )
        finally:
            if graph:
                self._driver.cuGraphDestroy(graph)

    def launch(self) -> None:
        stream = ctypes.c_void_p(self._device.stream_handle)
        self._call("cuGraphLaunch", self._exec, stream)

    def free(self) -> None:
        self._driver.cuGraphExecDestroy(self._exec)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status == _NO_MEMORY:
            raise OutOfMemory(name, where="cuda", found="out of memory")
        if status:
            raise CaptureError(name, where="cuda", found=f"error {status}")


def _leave(context: Any) -> None:
    with suppress(cuda.Error):
        context.detach()


@functools.cache
def _driver() -> ctypes.CDLL:
    """The CUDA driver, which is loaded already: pycuda links to it. All calls are of CUDA 11.4."""
    return ctypes.CDLL("libcuda.so.1")
