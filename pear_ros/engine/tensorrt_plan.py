"""TensorRT in numbers: tensors, buckets, profiles and where every array of a call lies.

Nothing here needs TensorRT or a GPU. A plan (TensorRT's word for a built engine) runs fixed numbers
of people, its buckets; a call is cut into chunks, each padded to a bucket, and all its inputs travel
to the GPU in one copy.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core import layout
from pear_core.anatomy import EHM_JOINTS
from pear_ros.engine.assemble import MESH_INPUTS
from pear_ros.engine.warp import _strip_to_image
from pear_ros.problems import PearError
from pear_ros.types import Crop, FloatArray

BUCKETS = (1, 2, 4, 8)
ALIGNMENT = 256
"""Bytes: what TensorRT asks of every tensor's address."""
SMALLEST_IMAGE, TYPICAL_IMAGE, LARGEST_IMAGE = (16, 16), (720, 1280), (2048, 2048)
"""Height, width: what the fused plan is built for. Larger pictures are cut on the CPU first, since
the plan keeps room for its largest picture as float32 (50 MB)."""
OLDEST_TENSORRT = (10, 1)
"""The first whose Python API has all that is called here (tools/check_tensorrt_types.py)."""
DEVICE_VARIABLE = "PEAR_TENSORRT_DEVICE"

Shape = tuple[int, ...]
Arrays = Mapping[str, NDArray[np.generic]]


class OutOfMemory(PearError):
    """The GPU has no room for this; fewer people at a time may fit."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph. shape: without the people axis; -1 is free.

    shared: one array for all people (the picture), so there is no people axis.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    shared: bool = False

    def of(self, people: int) -> Shape:
        return self.shape if self.shared else (people, *self.shape)


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a graph; no output is shared."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def shared(self) -> tuple[Tensor, ...]:
        return tuple(t for t in self.inputs if t.shared)

    @property
    def personal(self) -> tuple[Tensor, ...]:
        return tuple(t for t in self.inputs if not t.shared)


_RAW = Tensor("raw", (layout.WIDTH,))
_JOINTS = len(EHM_JOINTS)
_BODY_OUTPUTS = (
    Tensor("rotations", (layout.NUM_ROTATIONS, 3, 3)),
    Tensor("joints", (_JOINTS, 3)),
    Tensor("keypoints", (_JOINTS, 2)),
    Tensor("camera", (3,)),
)
FUSED_SIGNATURE = Signature(
    (Tensor("image", (-1, -1, 3), "uint8", shared=True), Tensor("crops", (3,))),
    (_RAW, *_BODY_OUTPUTS),
)
BODY_SIGNATURE = Signature((_RAW,), _BODY_OUTPUTS)


def mesh_signature(num_vertices: int) -> Signature:
    """The mesh graph's; parameters in, vertices (N, V, 3) out."""
    shapes = {name: layout.FIELDS[name].shape for name in MESH_INPUTS if name != "rotations"}
    shapes["rotations"] = (layout.NUM_ROTATIONS, 3, 3)
    return Signature(
        tuple(Tensor(name, shapes[name]) for name in MESH_INPUTS),
        (Tensor("vertices", (num_vertices, 3)),),
    )


def profile(tensor: Tensor, bucket: int) -> tuple[Shape, Shape, Shape]:
    """Smallest, typical and largest shape of an input in the optimisation profile of a bucket.

    Only the picture's size varies inside a profile.
    """
    sizes = (SMALLEST_IMAGE, TYPICAL_IMAGE, LARGEST_IMAGE)
    shape = tensor.of(bucket)
    smallest, typical, largest = (_filled(shape, size) for size in sizes)
    return smallest, typical, largest


def fits_plan(height: int, width: int) -> bool:
    """Whether the fused plan takes a picture of this size."""
    return (
        SMALLEST_IMAGE[0] <= height <= LARGEST_IMAGE[0]
        and SMALLEST_IMAGE[1] <= width <= LARGEST_IMAGE[1]
    )


def mosaic(image: NDArray[np.uint8], crops: Sequence[Crop]) -> tuple[NDArray[np.uint8], list[Crop]]:
    """The crops of a picture that no plan takes, as squares of their final size below each other.

    Returns that picture and the same crops in it. Bilinear as in `warp`, rounded to whole levels.
    """
    out = np.empty((len(crops) * layout.CROP_SIZE, layout.CROP_SIZE, 3), np.uint8)
    for i, crop in enumerate(crops):
        to_image = _strip_to_image(crop)
        to_image[0, 2] -= layout.STRIP_MARGIN * to_image[0, 0]
        cv2.warpAffine(
            image,
            to_image,
            (layout.CROP_SIZE, layout.CROP_SIZE),
            dst=out[i * layout.CROP_SIZE : (i + 1) * layout.CROP_SIZE],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(0, 0, 0),
        )
    half = layout.CROP_SIZE / 2
    return out, [
        Crop(half, half + layout.CROP_SIZE * i, layout.CROP_SIZE) for i in range(len(crops))
    ]


@dataclass(frozen=True)
class Found:
    """What a built plan says of one of its tensors.

    shape: -1 where free. profiles: per optimisation profile smallest, typical and largest shape
    (inputs only). device: whether it lies in GPU memory.
    """

    is_input: bool
    dtype: str
    shape: Shape
    profiles: tuple[tuple[Shape, ...], ...] = ()
    device: bool = True


def plan_faults(
    found: Mapping[str, Found], signature: Signature, buckets: tuple[int, ...]
) -> list[str]:
    """Why a built plan does not belong to this graph and these buckets; empty if it does."""
    faults = []
    expected = {t.name: t for t in (*signature.inputs, *signature.outputs)}
    inputs = {t.name for t in signature.inputs}
    if set(found) != set(expected):
        faults.append(f"tensors {sorted(found)}, expected {sorted(expected)}")
    for name in sorted(set(found) & set(expected)):
        tensor, seen = expected[name], found[name]
        want: list[tuple[str, object, object]] = [
            ("is an input", name in inputs, seen.is_input),
            ("type", tensor.dtype, seen.dtype),
            ("lies in GPU memory", True, seen.device),
            ("rank", len(tensor.of(1)), len(seen.shape)),
            ("fixed sizes", tensor.shape, seen.shape if tensor.shared else seen.shape[1:]),
        ]
        if name in inputs:
            want.append(("profiles", tuple(profile(tensor, b) for b in buckets), seen.profiles))
        faults += [f"{name}: {what} {is_}, expected {was}" for what, was, is_ in want if was != is_]
    return faults


@dataclass(frozen=True)
class Block:
    """Arrays one after the other: per name offset in bytes (aligned), shape and type.

    nbytes: of the whole, a multiple of ALIGNMENT.
    """

    places: Mapping[str, tuple[int, Shape, str]]
    nbytes: int

    def view(self, buffer: NDArray[np.uint8], at: int, name: str) -> NDArray[np.generic]:
        """The array `name` inside a buffer whose byte `at` is the block's first."""
        offset, shape, dtype = self.places[name]
        start = at + offset
        size = math.prod(shape) * np.dtype(dtype).itemsize
        return buffer[start : start + size].view(dtype).reshape(shape)


def block(arrays: Iterable[tuple[str, Shape, str]]) -> Block:
    """Lay arrays (name, shape, type) out behind each other."""
    places: dict[str, tuple[int, Shape, str]] = {}
    end = 0
    for name, shape, dtype in arrays:
        places[name] = (end, shape, dtype)
        end += aligned(math.prod(shape) * np.dtype(dtype).itemsize)
    return Block(places, end)


def aligned(nbytes: int) -> int:
    """The next multiple of ALIGNMENT."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


@functools.cache
def bucket_blocks(signature: Signature, bucket: int) -> tuple[Block, Block]:
    """Where the personal inputs and the outputs of one chunk lie."""
    return (
        block((t.name, t.of(bucket), t.dtype) for t in signature.personal),
        block((t.name, t.of(bucket), t.dtype) for t in signature.outputs),
    )


@dataclass(frozen=True)
class Chunk:
    """People start .. start + count, run in a bucket; upload, download: byte offsets in a call."""

    start: int
    count: int
    bucket: int
    upload: int = 0
    download: int = 0


def chunks(count: int, buckets: tuple[int, ...]) -> tuple[Chunk, ...]:
    """Cut people into full largest buckets and one padded rest: 17 is 8 + 8 + 1, 5 is 8."""
    largest = max(buckets)
    cut = []
    for start in range(0, count, largest):
        size = min(largest, count - start)
        cut.append(Chunk(start, size, min(b for b in buckets if b >= size)))
    return tuple(cut)


@dataclass(frozen=True)
class Call:
    """One call for any number of people: the shared arrays first, then each chunk's block."""

    shared: Block
    chunks: tuple[Chunk, ...]
    upload_bytes: int
    download_bytes: int


def lay_out(
    signature: Signature, buckets: tuple[int, ...], count: int, shared: Mapping[str, Shape]
) -> Call:
    """Where everything of a call lies; shared: shapes of the shared inputs."""
    first = block((t.name, shared[t.name], t.dtype) for t in signature.shared)
    upload, download = first.nbytes, 0
    placed = []
    for c in chunks(count, buckets):
        placed.append(Chunk(c.start, c.count, c.bucket, upload, download))
        inputs, outputs = bucket_blocks(signature, c.bucket)
        upload, download = upload + inputs.nbytes, download + outputs.nbytes
    return Call(first, tuple(placed), upload, download)


def fill(call: Call, signature: Signature, buffer: NDArray[np.uint8], inputs: Arrays) -> None:
    """Write a call's inputs into its upload buffer; padding repeats a chunk's first person."""
    for tensor in signature.shared:
        call.shared.view(buffer, 0, tensor.name)[...] = inputs[tensor.name]
    for c in call.chunks:
        places, _ = bucket_blocks(signature, c.bucket)
        for tensor in signature.personal:
            rows = places.view(buffer, c.upload, tensor.name)
            source = inputs[tensor.name][c.start : c.start + c.count]
            rows[: c.count] = source
            rows[c.count :] = source[:1]


def gather(
    call: Call, signature: Signature, buffer: NDArray[np.uint8], count: int
) -> dict[str, FloatArray]:
    """The outputs of all people, copied out of a call's download buffer."""
    out = {t.name: np.empty(t.of(count), np.float32) for t in signature.outputs}
    for c in call.chunks:
        _, places = bucket_blocks(signature, c.bucket)
        for name, array in out.items():
            rows = places.view(buffer, c.download, name)
            array[c.start : c.start + c.count] = rows[: c.count]
    return out


def halved(buckets: tuple[int, ...], error: OutOfMemory) -> tuple[int, ...]:
    """The buckets without the largest; raises the error where only one is left."""
    if len(buckets) == 1:
        raise error
    return buckets[:-1]


def tells_of_memory(text: str) -> bool:
    """Whether TensorRT's or CUDA's words for a failure say that memory ran out."""
    text = text.lower().replace(" ", "")
    return any(w in text for w in ("outofmemory", "couldnotbeallocated", "memoryallocation"))


def check_version(version: str) -> None:
    """Raises PearError for a TensorRT that is too old; version as 10.3.0 or 10.13.3.9."""
    found = tuple(int(n) for n in re.findall(r"[0-9]+", version)[:2])
    if found < OLDEST_TENSORRT:
        oldest = ".".join(map(str, OLDEST_TENSORRT))
        raise PearError(
            "TensorRT is too old", where="tensorrt", expected=f"{oldest} or later", found=version
        )


def device_index(text: str) -> int:
    """The GPU that $PEAR_TENSORRT_DEVICE names: "" and "0" the first, "1" or "gpu:1" the second.

    Raises PearError, for a DLA core with the reason why it cannot run the model.
    """
    words = text.strip().lower()
    if words == "dla" or words.startswith("dla:"):
        raise PearError(
            "a DLA core cannot run this model: DLA takes fixed shapes in FP16 or INT8 only, and the "
            "graph has a free picture size and kinematics in FP32",
            where=DEVICE_VARIABLE,
            expected="a GPU, as 0 or gpu:0",
            found=text,
        )
    found = re.fullmatch(r"(?:(?:gpu|cuda):)?([0-9]+)", words or "0")
    if found is None:
        raise PearError(
            "not a device", where=DEVICE_VARIABLE, expected="a GPU, as 0 or gpu:0", found=text
        )
    return int(found.group(1))


class BuildProgress:
    """How far a build is, from TensorRT's nested phases; a phase's name is reused once it ended."""

    def __init__(self) -> None:
        self._phases: dict[str, tuple[str | None, int, int]] = {}

    def start(self, name: str, parent: str | None, steps: int) -> None:
        self._phases[name] = (parent, max(steps, 1), 0)

    def step(self, name: str, step: int) -> None:
        """Step number `step`, counted from 0, is complete."""
        if name in self._phases:
            parent, steps, _ = self._phases[name]
            self._phases[name] = (parent, steps, min(step + 1, steps))

    def finish(self, name: str) -> None:
        self._phases.pop(name, None)

    def fraction(self, name: str) -> float:
        """0..1 of a phase: its complete steps, and the running inner phases within the next."""
        if name not in self._phases:
            return 1.0
        _, steps, done = self._phases[name]
        inner = [self.fraction(n) for n, (parent, _, _) in self._phases.items() if parent == name]
        within = sum(inner) / len(inner) if inner and done < steps else 0.0
        return (done + within) / steps


def _filled(shape: Shape, size: tuple[int, int]) -> Shape:
    free = iter(size)
    return tuple(next(free) if n == -1 else n for n in shape)
