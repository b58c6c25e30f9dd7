"""Visibility: the fast back end against the plain one, and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pear_core.render import reference, warp_backend
from pear_core.render.visibility import RenderError, Visibility, interpolate, rasterise

HEIGHT, WIDTH = 40, 32


def _soup(seed: int, triangles: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    points = rng.uniform([-10, -10, 1], [WIDTH + 10, HEIGHT + 10, 9], (3 * triangles, 3))
    faces = np.arange(3 * triangles).reshape(-1, 3)
    return points.astype(np.float32), faces.astype(np.int32)


@pytest.mark.parametrize("seed", range(5))
def test_warp_sees_what_the_reference_sees(seed: int) -> None:
    points, faces = _soup(seed)
    fast = rasterise(points, faces, HEIGHT, WIDTH, warp_backend.rasterise)
    plain = rasterise(points, faces, HEIGHT, WIDTH, reference.rasterise)
    same = fast.face == plain.face
    # float32 and float64 may differ on pixels that lie on an edge.
    assert same.mean() > 0.998
    seen = same & plain.mask
    assert seen.sum() > 300
    np.testing.assert_allclose(fast.depth[seen], plain.depth[seen], rtol=1e-4)
    np.testing.assert_allclose(fast.barycentric[seen], plain.barycentric[seen], atol=2e-3)


@pytest.mark.parametrize("backend", [warp_backend.rasterise, reference.rasterise])
def test_nearer_triangle_wins_and_far_one_shows_beside_it(backend: object) -> None:
    points = np.array(
        [[-1, -1, 5], [45, -1, 5], [-1, 50, 5], [-1, -1, 2], [10.5, -1, 2], [-1, 10.5, 2]],
        np.float32,
    )
    seen = rasterise(points, np.array([[0, 1, 2], [3, 4, 5]], np.int32), HEIGHT, WIDTH, backend)  # type: ignore[arg-type]
    assert seen.face[0, 0] == 1 and seen.depth[0, 0] == pytest.approx(2)
    assert seen.face[20, 20] == 0 and seen.depth[20, 20] == pytest.approx(5)
    assert seen.face[39, 31] == -1 and np.isinf(seen.depth[39, 31])


@pytest.mark.parametrize("backend", [warp_backend.rasterise, reference.rasterise])
def test_barycentrics_are_perspective_correct(backend: object) -> None:
    """Halfway along an edge from z = 1 to z = 3 in the picture lies a quarter of the way in
    space.
    """
    points = np.array([[0, 0, 1], [20, 0, 3], [0, 20, 1]], np.float32)
    seen = rasterise(points, np.array([[0, 1, 2]], np.int32), HEIGHT, WIDTH, backend)  # type: ignore[arg-type]
    # 1/z at the middle is (1 + 1/3) / 2 = 2/3, so z = 1.5 and the weights are (0.75, 0.25).
    assert seen.depth[0, 10] == pytest.approx(1.5, rel=1e-5)
    np.testing.assert_allclose(seen.barycentric[0, 10], [0.75, 0.25, 0.0], atol=1e-5)


def test_interpolation_reproduces_a_linear_field_of_space() -> None:
    points, faces = _soup(7, 20)
    focal = 25.0
    space = np.column_stack([points[:, :2] * points[:, 2:] / focal, points[:, 2]]).astype(
        np.float32
    )
    seen = rasterise(points, faces, HEIGHT, WIDTH)
    values = interpolate(seen, faces, space)
    rows, columns = np.nonzero(seen.mask)
    # The interpolated point must project back onto its own pixel.
    np.testing.assert_allclose(values[:, 0] / values[:, 2] * focal, columns, atol=0.02)
    np.testing.assert_allclose(values[:, 1] / values[:, 2] * focal, rows, atol=0.02)


def test_triangles_behind_the_camera_are_left_out() -> None:
    points = np.array([[0, 0, 1], [20, 0, -1], [0, 20, 1]], np.float32)
    assert not rasterise(points, np.array([[0, 1, 2]], np.int32), 8, 8).mask.any()


def test_no_faces_give_an_empty_picture() -> None:
    seen = rasterise(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), 4, 5)
    assert isinstance(seen, Visibility)
    assert seen.face.shape == (4, 5) and not seen.mask.any()


@pytest.mark.parametrize(
    ("points", "faces", "size", "message"),
    [
        (np.zeros((3, 2)), np.zeros((1, 3)), (4, 4), "screen points"),
        (np.zeros((3, 3)), np.zeros((1, 4)), (4, 4), "faces"),
        (np.zeros((3, 3)), np.full((1, 3), 3), (4, 4), "outside a mesh of 3"),
        (np.zeros((3, 3)), np.zeros((1, 3)), (0, 4), "0 x 4"),
    ],
)
def test_bad_input_is_named(
    points: np.ndarray, faces: np.ndarray, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(RenderError, match=message):
        rasterise(points.astype(np.float32), faces.astype(np.int32), *size)
