"""The compiled kernels against the numpy code that says the same, and against wrong arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_ros import native, so3
from pear_ros.engine import kinematics, rotations
from pear_ros.messages import frames
from pear_ros.perception import boxes, pipeline
from pear_ros.perception.placing import metric, place
from pear_ros.perception.tracking import appearance
from pear_ros.types import (
    Box,
    Crop,
    FloatArray,
    Human,
    Intrinsics,
    Parameters,
    ScaleSource,
    TrackState,
)

K = Intrinsics(600.0, 610.0, 320.0, 240.0, 640, 480)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def _compiled() -> None:
    if native.kernels is None:
        pytest.skip("the kernels are not compiled here")


@contextmanager
def in_numpy(*modules: ModuleType) -> Iterator[None]:
    """Lets modules do without the kernels."""
    patch = pytest.MonkeyPatch()
    for module in modules:
        patch.setattr(module, "kernels", None)
    try:
        yield
    finally:
        patch.undo()


def turns(rng: np.random.Generator, count: int) -> Any:
    """Rotations of every size: none, tiny, usual, and half turns about axes and between them."""
    axes = rng.normal(size=(count, 3))
    axes[::3] = np.eye(3)[rng.integers(0, 3, len(axes[::3]))]
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = rng.choice([0.0, 1e-9, 1e-4, 0.3, 2.0, np.pi - 1e-7, np.pi], count)
    return Rotation.from_rotvec(axes * angles[:, None])


@given(seed=seeds, dtype=st.sampled_from([np.float32, np.float64]))
def test_rotations(seed: int, dtype: Any) -> None:
    truth = turns(np.random.default_rng(seed), 40)
    matrices = truth.as_matrix().astype(dtype)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    found = so3.quaternion(matrices.reshape(4, 10, 3, 3)).reshape(40, 4)
    assert np.abs((found * truth.as_quat()).sum(axis=1)).min() > 1.0 - tolerance
    assert found[:, 3].min() >= 0.0
    # Near half turns the axis-angle vector may change sides: the rotations have to agree.
    vectors = so3.axis_angle(matrices)
    assert (Rotation.from_rotvec(vectors) * truth.inv()).magnitude().max() < 2e-6
    with in_numpy(so3):
        np.testing.assert_allclose(so3.quaternion(matrices), found, atol=1e-12)


def standing(rng: np.random.Generator, count: int) -> tuple[FloatArray, ...]:
    """Bodies with their projections, half of them with noise, and what is seen of them."""
    joints = rng.normal(0.0, 0.4, (count, 145, 3)).astype(np.float32)
    places = np.stack(
        [rng.uniform(-1, 1, count), rng.uniform(-1, 1, count), rng.uniform(2, 8, count)], 1
    )
    there = joints + places[:, None]
    pixels = there[..., :2] / there[..., 2:] * (K.fx, K.fy) + (K.cx, K.cy)
    pixels += rng.normal(0.0, 5.0, pixels.shape) * rng.integers(0, 2, (count, 1, 1))
    seen = (rng.random((count, 145)) > rng.choice([0.0, 0.4, 0.99], (count, 1))).astype(np.float32)
    return joints, pixels.astype(np.float32), seen, places.astype(np.float32)


@settings(deadline=None)
@given(seed=seeds, count=st.integers(1, 9))
def test_place(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    joints, pixels, seen, places = standing(rng, count)
    start = places + rng.normal(0.0, 0.3, places.shape)
    relative = rng.uniform(0.0, 0.2, count)
    args = joints, pixels, seen, start.astype(np.float64), relative, K
    compiled, in_numpy_too = place._searched_compiled(*args), place.searched(*args)
    # In numpy all go on until the last one has arrived: metres, metres, pixels.
    for found, expected, near in zip(compiled, in_numpy_too, (1e-4, 1e-4, 0.05), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=near)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_place_of_what_is_not_finite(broken: float) -> None:
    joints, pixels, seen, places = standing(np.random.default_rng(3), 3)
    pixels[1, 7] = broken
    args = joints, pixels, np.ones_like(seen), places.astype(np.float64), np.full(3, 0.1), K
    with np.errstate(all="ignore"):
        expected = place.searched(*args)[0]
    found = place._searched_compiled(*args)[0]
    np.testing.assert_array_equal(found[1], places[1])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@given(seed=seeds, count=st.integers(1, 6))
def test_boxes_around_points(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).normal(0, 900, (count, 22, 2)).astype(np.float32)
    for given_points in (points, points.astype(np.float64), points[:, ::2]):
        found = boxes.spans(given_points)
        with in_numpy(boxes):
            np.testing.assert_array_equal(boxes.spans(given_points), found)
    points[0, 3, 1] = np.nan
    assert np.isnan(boxes.spans(points)[0]).tolist() == [False, True, False, True]


@settings(deadline=None)
@given(seed=seeds, count=st.integers(1, 5))
def test_colours(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    wide = rng.integers(0, 255, (60, 200, 3), np.uint8)
    keypoints = rng.uniform(-20, 120, (count, 145, 2)).astype(np.float32)
    if seed % 2:
        keypoints[0, 4] = (np.nan, np.inf)
    for image in (np.ascontiguousarray(wide[:, :90]), wide[:, 5:95], wide[::-1, ::2]):
        found, expected = (
            f(image, keypoints) for f in (appearance._describe_compiled, appearance._describe)
        )
        # A point half way between two pixels may be read from either.
        assert (np.abs(found - expected) > 1e-5).any(axis=1).sum() <= (count + 1) // 2
        assert np.abs(found - expected).max() < 0.4


@given(seed=seeds, count=st.integers(1, 5))
def test_confidence(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    in_crop = rng.choice([-0.1, 0.0, 0.5, 1.0, 1.1, np.nan], (count, 30, 2)).astype(np.float32)
    pixels = rng.choice([-0.6, -0.5, 7.0, 99.5, 99.6, 49.5, 50.0], (count, 30, 2)).astype(
        np.float32
    )
    scores = rng.random(count).astype(np.float32)
    found = pipeline.joint_confidence(in_crop, pixels, scores, 100, 50)
    with in_numpy(pipeline):
        np.testing.assert_array_equal(
            pipeline.joint_confidence(in_crop, pixels, scores, 100, 50), found
        )


def person(rng: np.random.Generator) -> Human:
    rotations = turns(rng, 52).as_matrix().astype(np.float32)
    eyes = rng.choice([0.0, 1e-10, 0.4, 1.5], 6).astype(np.float32)
    widths = {"betas": 10, "expression": 10, "hand_scale": 6, "head_scale": 3, "flame_shape": 10,
              "flame_expression": 10, "jaw_pose": 3, "eyelids": 2}  # fmt: skip
    own = Parameters(
        rotations[None], eye_pose=eyes[None],
        **{name: np.zeros((1, width), np.float32) for name, width in widths.items()},
    )  # fmt: skip
    joints = rng.normal((0, 0, 3), 0.5, (145, 3)).astype(np.float32)
    return Human(
        0, TrackState.TRACKED, Box(0, 0, 9, 9), Crop(5, 5, 9), own, own, np.zeros(3, np.float32), joints[0],
        joints, np.zeros((145, 2), np.float32), np.ones(145, np.float32), ScaleSource.INTRINSICS, 0.1,
    )  # fmt: skip


@given(seed=seeds, count=st.integers(1, 4))
def test_frames_of_people(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    people = [person(rng) for _ in range(count)]
    found, towards = frames._poses_compiled(people)
    expected, also = frames._poses(people)
    np.testing.assert_array_equal(towards, also)
    np.testing.assert_allclose(found[..., :3], expected[..., :3], atol=1e-6)
    along = np.abs((found[..., 3:] * expected[..., 3:]).sum(axis=-1))
    # A gaze along the head's own axis has no side: numpy and C may round to different ones.
    assert along[:, :2].min() > 1.0 - 1e-9
    assert (along[:, 2] > 1.0 - 1e-6).mean() >= 0.5


@given(seed=seeds, count=st.integers(1, 4))
def test_bodies_turned_into_the_pictures_view(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    joints = standing(rng, count)[0]
    own = person(rng).parameters
    many = Parameters(
        **{n: np.repeat(getattr(own, n), count, axis=0) for n in Parameters.__dataclass_fields__}
    )
    turn = turns(rng, count).as_matrix()
    parameters, moved = metric.turned(many, joints, turn)
    with in_numpy(metric):
        expected, there = metric.turned(many, joints, turn)
    np.testing.assert_allclose(parameters.rotations, expected.rotations, atol=1e-6)
    np.testing.assert_allclose(moved, there, atol=1e-6)
    np.testing.assert_array_equal(many.rotations, np.repeat(own.rotations, count, axis=0))


@given(seed=seeds, count=st.integers(1, 4))
def test_rotations_of_what_the_network_says(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    sixd = rng.normal(size=(count * 9, 6)).astype(np.float32)
    sixd[::4] *= rng.choice([1e-30, 1e-6, 1e6, 1e30])
    sixd[1::5, 3:] = 2.0 * sixd[1::5, :3]
    sixd[2::7, rng.integers(0, 6)] = rng.choice([0.0, np.nan])
    with np.errstate(invalid="ignore"):
        expected = rotations._matrix_from_6d(sixd)
    np.testing.assert_allclose(rotations.matrix_from_6d(sixd), expected, atol=2e-6)
    vectors = turns(rng, count * 9).as_rotvec().astype(np.float32)
    np.testing.assert_allclose(
        rotations.matrix_from_axis_angle(vectors),
        rotations._matrix_from_axis_angle(vectors),
        atol=2e-6,
    )


@given(seed=seeds, count=st.integers(1, 4))
def test_the_joint_tree(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    local = turns(rng, count * 55).as_matrix().astype(np.float32).reshape(count, 55, 3, 3)
    rest = rng.normal(0.0, 0.3, (count, 3, 55)).astype(np.float32)
    found, expected = (
        f(local, rest)
        for f in (kinematics.forward_kinematics, kinematics._forward_kinematics)
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6)


@given(seed=seeds, count=st.integers(1, 3))
def test_skinning(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    weights = (rng.random((6, 40)) * (rng.random((6, 40)) > 0.6)).astype(np.float32)
    world = turns(rng, count * 6).as_matrix().astype(np.float32).reshape(count, 6, 3, 3)
    rest, posed = rng.normal(0.0, 0.5, (2, count, 3, 6)).astype(np.float32)
    points = rng.normal(0.0, 0.5, (count, 40, 3)).astype(np.float32).transpose(0, 2, 1)
    skin = kinematics.Skin(weights)
    found = skin(points, world, rest, posed)
    # Each joint takes a point along as a rigid body; weights need not add up to one here.
    by_hand = np.zeros((count, 3, 40))
    for n, j, v in np.ndindex(count, 6, 40):
        moved = world[n, j] @ (points[n, :, v] - rest[n, :, j]) + posed[n, :, j]
        by_hand[n, :, v] += weights[j, v] * moved
    np.testing.assert_allclose(found, by_hand, atol=2e-6)
    with in_numpy(kinematics):
        np.testing.assert_allclose(skin(points, world, rest, posed), by_hand, atol=2e-6)


SHAPES: dict[str, list[tuple[tuple[int, ...], Any]]] = {
    "quaternions": [((5, 3, 3), "f"), ((5, 4), "d")],
    "axis_angles": [((5, 3, 3), "d"), ((5, 3), "f")],
    "place": [((2, 9, 3), "f"), ((2, 9, 2), "f"), ((2, 9), "f"), ((9,), "d"), ((2, 3), "d"), ((2,), "d"),
              ((9,), "d"), ((2, 3), "f"), ((2,), "f"), ((2,), "f")],
    "spans": [((3, 7, 2), "f"), ((3, 4), "d")],
    "turned": [((2, 3, 3), "d"), ((2, 52, 3, 3), "f"), ((2, 9, 3), "f"), ((2, 52, 3, 3), "f"), ((2, 9, 3), "f")],
    "sample": [((6, 4), "i"), ((6, 4), "f"), ((6,), "B"), ((8, 9, 3), "B"), ((2, 22, 2), "f"), ((2, 6, 3), "B"),
               ((2, 6), "B")],
    "matrices_of_6d": [((5, 6), "f"), ((5, 3, 3), "f")],
    "matrices_of_axis_angles": [((5, 3), "f"), ((5, 3, 3), "f")],
    "chain": [((4,), "i"), ((2, 4, 3, 3), "f"), ((2, 3, 4), "f"), ((2, 4, 3, 3), "f"), ((2, 3, 4), "f")],
    "skin": [((8,), "i"), ((5,), "i"), ((5,), "f"), ((2, 4, 3, 3), "f"), ((2, 3, 4), "f"), ((2, 3, 4), "f"),
             ((2, 3, 7), "f"), ((2, 3, 7), "f")],
}  # fmt: skip
"""Arguments that each kernel takes."""
FIRST = {"chain": [-1, 0, 0, 2], "skin": [0, 0, 2, 3, 3, 4, 5, 5]}
"""Those that have to mean something."""


def arrays(name: str) -> list[Any]:
    made: list[Any] = [np.zeros(shape, dtype) for shape, dtype in SHAPES[name]]
    if name in FIRST:
        made[0][:] = FIRST[name]
    return made


@pytest.mark.parametrize("name", SHAPES)
def test_arrays_of_another_size_or_type_are_refused(name: str) -> None:
    kernel: Callable[..., None] = getattr(native.kernels, name)
    kernel(*arrays(name))
    with pytest.raises(TypeError, match="arguments"):
        kernel(*arrays(name)[:-1])
    for i, (shape, dtype) in enumerate(SHAPES[name]):
        for wrong in (
            np.zeros((*shape[:-1], shape[-1] + 1), dtype), np.zeros(shape, "q"), np.zeros((*shape, 2), dtype)[..., 0],
            None, "text",
        ):  # fmt: skip
            if (
                name == "sample"
                and i == 3
                and isinstance(wrong, np.ndarray)
                and wrong.shape[2] == 3
            ):
                continue  # pictures may have any steps
            given_arrays = arrays(name)
            given_arrays[i] = wrong
            with pytest.raises((ValueError, TypeError, BufferError)):
                kernel(*given_arrays)


def test_results_are_not_written_into_what_is_read_only() -> None:
    matrices, out = arrays("quaternions")
    out.flags.writeable = False
    with pytest.raises(ValueError):
        native.kernels.quaternions(matrices, out)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(SHAPES)), data=st.data())
def test_no_array_brings_a_kernel_down(name: str, data: st.DataObject) -> None:
    given_arrays = []
    for shape, dtype in SHAPES[name]:
        sizes = tuple(data.draw(st.sampled_from([n, n, n, n, 0, 1, n + 1])) for n in shape)
        kind = data.draw(st.sampled_from([dtype, dtype, dtype, "f", "d", "B", "i"]))
        array = np.zeros(sizes, kind)
        fill = data.draw(st.sampled_from([0, 1, -1, 1e30, float("nan")]))
        if np.dtype(kind).kind == "f" or fill in (0, 1):
            array[...] = fill
        elif kind == "i":
            array[...] = -5 if fill == -1 else 2**31 - 1
        given_arrays.append(array[::-1] if data.draw(st.booleans()) else array)
    with suppress(ValueError, TypeError, BufferError):
        getattr(native.kernels, name)(*given_arrays)
