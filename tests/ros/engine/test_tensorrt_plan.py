"""Buckets, profiles, staging and plan checks of the TensorRT back end, without TensorRT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.engine.bundle import BODY, MESH, open_bundle
from pear_ros.engine.tensorrt_plan import (
    ALIGNMENT,
    BODY_SIGNATURE,
    BUCKETS,
    FUSED_SIGNATURE,
    BuildProgress,
    Found,
    OutOfMemory,
    Signature,
    Tensor,
    block,
    bucket_blocks,
    check_version,
    chunks,
    device_index,
    fill,
    fits_plan,
    gather,
    halved,
    lay_out,
    mesh_signature,
    mosaic,
    plan_faults,
    profile,
    tells_of_memory,
)
from pear_ros.engine.warp import strips
from pear_ros.problems import PearError
from pear_ros.types import Crop


@pytest.mark.parametrize(
    ("people", "cut"),
    [
        (0, []),
        (1, [(0, 1, 1)]),
        (3, [(0, 3, 4)]),
        (5, [(0, 5, 8)]),
        (8, [(0, 8, 8)]),
        (9, [(0, 8, 8), (8, 1, 1)]),
        (17, [(0, 8, 8), (8, 8, 8), (16, 1, 1)]),
        (19, [(0, 8, 8), (8, 8, 8), (16, 3, 4)]),
    ],
)
def test_people_are_cut_into_buckets(people: int, cut: list[tuple[int, int, int]]) -> None:
    assert [(c.start, c.count, c.bucket) for c in chunks(people, BUCKETS)] == cut


def test_fewer_buckets_mean_more_chunks() -> None:
    error = OutOfMemory("full")
    assert halved(BUCKETS, error) == (1, 2, 4)
    assert [(c.start, c.bucket) for c in chunks(9, (1, 2, 4))] == [(0, 4), (4, 4), (8, 1)]
    assert [c.bucket for c in chunks(3, (1,))] == [1, 1, 1]
    with pytest.raises(OutOfMemory, match="full"):
        halved((1,), error)


def test_profiles_fix_the_people_and_leave_the_picture_free() -> None:
    image, crops = FUSED_SIGNATURE.inputs
    assert profile(image, 4) == ((16, 16, 3), (720, 1280, 3), (2048, 2048, 3))
    assert profile(crops, 4) == ((4, 3), (4, 3), (4, 3))
    assert fits_plan(16, 2048) and fits_plan(1080, 1920)
    assert not fits_plan(15, 100) and not fits_plan(100, 2049) and not fits_plan(2160, 3840)


def test_arrays_lie_behind_each_other_on_whole_alignments() -> None:
    # 93 * 52 * 3 bytes = 14508 -> 14592 = 57 * 256; 4 * 3 floats = 48 bytes -> 256.
    laid = block([("image", (93, 52, 3), "uint8"), ("crops", (4, 3), "float32")])
    assert laid.places["image"][0] == 0 and laid.places["crops"][0] == 14592
    assert laid.nbytes == 14592 + 256
    inputs, outputs = bucket_blocks(FUSED_SIGNATURE, 2)
    # raw 2*935*4 = 7480 -> 7680, rotations 2*52*9*4 = 3744 -> 3840, joints 2*145*3*4 = 3480 -> 3584,
    # keypoints 2*145*2*4 = 2320 -> 2560, camera 24 -> 256.
    assert [
        outputs.places[n][0] for n in ("raw", "rotations", "joints", "keypoints", "camera")
    ] == [
        0,
        7680,
        7680 + 3840,
        7680 + 3840 + 3584,
        7680 + 3840 + 3584 + 2560,
    ]
    assert (inputs.nbytes, outputs.nbytes) == (256, 17920)


def test_a_call_uploads_the_picture_once() -> None:
    call = lay_out(FUSED_SIGNATURE, BUCKETS, 11, {"image": (100, 60, 3)})
    # 18000 bytes of picture -> 18176; crops of 8 people 96 bytes -> 256, of 4 people 48 -> 256.
    assert [(c.upload, c.bucket) for c in call.chunks] == [(18176, 8), (18432, 4)]
    assert call.upload_bytes == 18688
    first = bucket_blocks(FUSED_SIGNATURE, 8)[1].nbytes
    assert [c.download for c in call.chunks] == [0, first]


@given(st.integers(1, 40), st.integers(1, 4), st.integers(16, 70), st.integers(16, 70))
def test_nothing_overlaps_and_everybody_is_there(
    people: int, kept: int, height: int, width: int
) -> None:
    """Each input byte is written once; what is read back belongs to the person it was written for."""
    signature = Signature(
        (
            Tensor("image", (-1, -1, 3), "uint8", shared=True),
            Tensor("a", (3,)),
            Tensor("b", (2, 2)),
        ),
        (Tensor("a", (3,)), Tensor("b", (2, 2))),
    )
    buckets = BUCKETS[:kept]
    image = np.full((height, width, 3), 7, np.uint8)
    a = np.arange(people * 3, dtype=np.float32).reshape(people, 3) + 1
    b = -np.arange(people * 4, dtype=np.float32).reshape(people, 2, 2) - 1
    call = lay_out(signature, buckets, people, {"image": image.shape})
    up = np.zeros(call.upload_bytes, np.uint8)
    fill(call, signature, up, {"image": image, "a": a, "b": b})
    assert (up[: image.size] == 7).all() and not up[image.size : call.shared.nbytes].any()
    rows = sum(c.bucket for c in call.chunks)
    # No value is zero, so what is not zero was written.
    floats = up[call.shared.nbytes :].view(np.float32)
    assert np.count_nonzero(floats) == rows * 7
    assert all(c.upload % ALIGNMENT == 0 for c in call.chunks)
    # A device that copies its inputs to its outputs:
    down = np.zeros(call.download_bytes, np.uint8)
    for c in call.chunks:
        source, target = bucket_blocks(signature, c.bucket)
        assert source == target
        down[c.download : c.download + target.nbytes] = up[c.upload : c.upload + source.nbytes]
    out = gather(call, signature, down, people)
    np.testing.assert_array_equal(out["a"], a)
    np.testing.assert_array_equal(out["b"], b)


def test_padding_repeats_a_person_so_that_it_stays_a_crop() -> None:
    crops = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    image = np.zeros((16, 16, 3), np.uint8)
    call = lay_out(FUSED_SIGNATURE, BUCKETS, 3, {"image": image.shape})
    up = np.zeros(call.upload_bytes, np.uint8)
    fill(call, FUSED_SIGNATURE, up, {"image": image, "crops": crops})
    rows = bucket_blocks(FUSED_SIGNATURE, 4)[0].view(up, call.chunks[0].upload, "crops")
    np.testing.assert_array_equal(rows, [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 2, 3]])


@pytest.mark.parametrize("name", [BODY, MESH])
def test_chunks_of_a_real_graph_agree_with_the_whole(tiny_model: Any, name: str) -> None:
    """The real graph, run by ONNX Runtime on exactly the bytes that the GPU would see."""
    bundle = open_bundle(tiny_model.bundle)
    vertices = bundle.topology.num_vertices
    signature = BODY_SIGNATURE if name == BODY else mesh_signature(vertices)
    session = onnxruntime.InferenceSession(str(tiny_model.bundle / name))
    rng = np.random.default_rng(3)
    people = 13
    inputs = {t.name: rng.normal(0, 0.3, t.of(people)).astype(np.float32) for t in signature.inputs}
    names = [t.name for t in signature.outputs]
    whole = dict(zip(names, session.run(names, inputs)))
    call = lay_out(signature, BUCKETS, people, {})
    up, down = np.zeros(call.upload_bytes, np.uint8), np.zeros(call.download_bytes, np.uint8)
    fill(call, signature, up, inputs)
    for c in call.chunks:
        source, target = bucket_blocks(signature, c.bucket)
        seen = {t.name: source.view(up, c.upload, t.name).copy() for t in signature.inputs}
        for out, value in zip(names, session.run(names, seen)):
            target.view(down, c.download, out)[...] = value
    found = gather(call, signature, down, people)
    for out in names:
        np.testing.assert_allclose(found[out], whole[out], atol=2e-5, err_msg=out)


def test_signatures_are_those_of_the_exported_graphs(tiny_model: Any) -> None:
    bundle = open_bundle(tiny_model.bundle)
    for name, signature in (
        (BODY, BODY_SIGNATURE),
        (MESH, mesh_signature(bundle.topology.num_vertices)),
    ):
        session = onnxruntime.InferenceSession(str(tiny_model.bundle / name))
        for ours, theirs in (
            (signature.inputs, session.get_inputs()),
            (signature.outputs, session.get_outputs()),
        ):
            assert {(t.name, t.shape) for t in ours} == {
                (t.name, tuple(t.shape[1:])) for t in theirs
            }


def described() -> dict[str, Found]:
    """The fused plan for buckets 1 and 2, as TensorRT would describe it; written out by hand."""
    image = tuple(((16, 16, 3), (720, 1280, 3), (2048, 2048, 3)) for _ in range(2))
    crops = (((1, 3),) * 3, ((2, 3),) * 3)
    return {
        "image": Found(True, "uint8", (-1, -1, 3), image),
        "crops": Found(True, "float32", (-1, 3), crops),
        "raw": Found(False, "float32", (-1, 935)),
        "rotations": Found(False, "float32", (-1, 52, 3, 3)),
        "joints": Found(False, "float32", (-1, 145, 3)),
        "keypoints": Found(False, "float32", (-1, 145, 2)),
        "camera": Found(False, "float32", (-1, 3)),
    }


def test_a_plan_of_this_graph_is_accepted() -> None:
    assert plan_faults(described(), FUSED_SIGNATURE, (1, 2)) == []


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("raw", {"dtype": "HALF"}, "raw: type HALF, expected float32"),
        ("raw", {"shape": (-1, 936)}, "raw: fixed sizes (936,), expected (935,)"),
        ("raw", {"shape": (-1, 935, 1)}, "raw: rank 3, expected 2"),
        ("crops", {"is_input": False}, "crops: is an input False, expected True"),
        ("crops", {"device": False}, "crops: lies in GPU memory False, expected True"),
        (
            "image",
            {"shape": (-1, 1280, 3)},
            "image: fixed sizes (-1, 1280, 3), expected (-1, -1, 3)",
        ),
        ("crops", {"profiles": (((1, 3),) * 3,)}, "crops: profiles "),
    ],
)
def test_a_plan_of_another_graph_is_refused(name: str, change: dict[str, Any], fault: str) -> None:
    found = described()
    found[name] = replace(found[name], **change)
    faults = plan_faults(found, FUSED_SIGNATURE, (1, 2))
    assert any(f.startswith(fault) for f in faults), faults


def test_missing_tensors_and_other_buckets_are_named() -> None:
    found = described()
    assert plan_faults(found, FUSED_SIGNATURE, (1, 4))
    del found["camera"]
    (fault,) = plan_faults(found, FUSED_SIGNATURE, (1, 2))
    assert fault.startswith("tensors [") and "'camera'" in fault.split("expected")[1]


@pytest.mark.parametrize(
    ("text", "index"), [("", 0), ("0", 0), (" 2 ", 2), ("gpu:1", 1), ("CUDA:3", 3)]
)
def test_devices(text: str, index: int) -> None:
    assert device_index(text) == index


@pytest.mark.parametrize("text", ["dla", "dla:0", "DLA:1"])
def test_dla_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(PearError, match="fixed shapes in FP16 or INT8 only"):
        device_index(text)


@pytest.mark.parametrize("text", ["-1", "gpu", "gpu:", "cpu:0", "one", "1.5", ":", "²"])
def test_other_words_are_no_device(text: str) -> None:
    with pytest.raises(PearError, match="not a device"):
        device_index(text)


def test_versions() -> None:
    for version in ("10.1.0", "10.3.0", "10.13.3.9", "11.4.0.106"):
        check_version(version)
    for version in ("10.0.1", "8.6.1.6", "", "unknown"):
        with pytest.raises(PearError, match=f"too old; expected 10.1 or later.*{version}$"):
            check_version(version)


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        # As reported to NVIDIA/TensorRT (issues 4258, 948) and marcoslucianops/DeepStream-Yolo (366).
        ("[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)", True),
        (
            "Requested amount of GPU memory (15485030400 bytes) could not be allocated. There may",
            True,
        ),
        (
            "[virtualMemoryBuffer.cpp::resizePhysical::160] Error Code 2: OutOfMemory (no further",
            True,
        ),
        ("cuMemAlloc failed: out of memory", True),
        (
            "IBuilder::buildSerializedNetwork: Error Code 10: Internal Error (Could not find any",
            False,
        ),
        ("", False),
    ],
)
def test_words_for_memory(text: str, memory: bool) -> None:
    assert tells_of_memory(text) is memory


def test_progress_of_nested_phases() -> None:
    progress = BuildProgress()
    progress.start("build", None, 4)
    assert progress.fraction("build") == 0.0
    progress.step("build", 0)
    progress.start("tactics", "build", 10)
    for i in range(5):
        progress.step("tactics", i)
    # One of four steps, and half of the second.
    assert progress.fraction("build") == pytest.approx(1 / 4 + 1 / 8)
    progress.finish("tactics")
    progress.step("build", 1)
    assert progress.fraction("build") == pytest.approx(2 / 4)
    progress.start("tactics", "build", 2)  # The name again, for other work.
    assert progress.fraction("build") == pytest.approx(2 / 4)
    progress.finish("build")
    assert progress.fraction("build") == 1.0
    progress.step("unheard of", 3)


@pytest.mark.parametrize("size", [(3000, 400), (9, 9)])
def test_pictures_that_no_plan_takes_are_cut_first(size: tuple[int, int]) -> None:
    """The strips out of the mosaic are the strips out of the picture, rounded to whole levels."""
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    crops = [Crop(size[1] / 3, size[0] / 2, 300.5), Crop(0.0, size[0] - 20.25, 41.0)]
    assert not fits_plan(*size)
    small, moved = mosaic(image, crops)
    assert small.shape == (512, 256, 3) and fits_plan(*small.shape[:2])
    difference = np.abs(strips(small, moved) - strips(image, crops))
    assert difference.max() <= 0.51 / 255


def test_the_largest_group_of_squares_still_fits() -> None:
    """Eight squares below each other are as high as the plan's largest picture."""
    small, _ = mosaic(np.zeros((5, 5, 3), np.uint8), [Crop(2, 2, 4)] * 8)
    assert fits_plan(*small.shape[:2]) and not fits_plan(small.shape[0] + 256, 256)
