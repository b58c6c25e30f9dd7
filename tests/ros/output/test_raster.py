"""Rasteriser against ray casting, analytic shapes and partition properties."""

from __future__ import annotations

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay

from pear_ros.output.raster import NEAR, cropped, project, rasterise, supersampled
from pear_ros.types import Intrinsics

CAMERA = Intrinsics(40.0, 44.0, 15.3, 11.7, 32, 24)
FloatArray = NDArray[np.float64]


def cast(vertices: FloatArray, faces: NDArray[np.int64], camera: Intrinsics, cull: bool):
    """Oracle: every pixel's ray against every triangle (Moeller and Trumbore)."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack(
        ((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)), -1
    )
    rays = rays.reshape(-1, 1, 3)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    e1, e2 = b - a, c - a
    p = np.cross(rays, e2)
    det = (p * e1).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = (p * -a).sum(-1) / det
        q = np.cross(-a, e1)
        t = (q * rays).sum(-1) / det
        depth = (q * e2).sum(-1) / det
    usable = (vertices[faces][..., 2] > NEAR).all(1)
    inside = (s >= 0) & (t >= 0) & (s + t <= 1) & (det != 0) & usable
    if cull:
        inside &= det > 0
    margin = np.minimum(np.minimum(s, t), 1 - s - t)
    depth = np.where(inside, depth, np.inf)
    best = depth.argmin(1)
    rows = np.arange(len(best))
    hit = np.isfinite(depth[rows, best])
    bary = np.stack((1 - s - t, s, t), -1)[rows, best]
    # A pixel centre within rounding of an edge, or two surfaces at the same depth, may go either
    # way.
    with np.errstate(invalid="ignore"):
        ordered = np.sort(depth, 1)
        tie = (
            ordered[:, 1] - ordered[:, 0] < 1e-6
            if depth.shape[1] > 1
            else np.zeros(len(best), bool)
        )
        near_edge = (np.abs(np.where(usable, margin, 1)) < 1e-6).any(1)
    return best, hit, bary, depth[rows, best], tie | near_edge


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.booleans())
def test_agrees_with_ray_casting_on_triangle_soups(seed: int, count: int, cull: bool) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.uniform([-1.5, -1.2, -0.3], [1.5, 1.2, 4.0], (3 * count, 3))
    faces = np.arange(3 * count).reshape(-1, 3)
    best, hit, bary, depth, unclear = cast(vertices, faces, CAMERA, cull)
    seen = rasterise(vertices, faces, CAMERA, cull)
    face = seen.face_image().reshape(-1)
    sure = ~unclear
    np.testing.assert_array_equal((face >= 0)[sure], hit[sure])
    both = sure & hit
    np.testing.assert_array_equal(face[both], best[both])
    np.testing.assert_allclose(seen.depth_image().reshape(-1)[both], depth[both], rtol=1e-5)
    dense = np.zeros((face.size, 3))
    dense[seen.pixel] = seen.barycentric()
    np.testing.assert_allclose(dense[both], bary[both], atol=1e-6)
    values = rng.normal(size=(len(vertices), 2))
    interpolated = np.zeros((face.size, 2))
    interpolated[seen.pixel] = seen.interpolate(values).T
    expected = (bary[both][:, :, None] * values[faces[best[both]]]).sum(1)
    np.testing.assert_allclose(interpolated[both], expected, atol=1e-5)


def test_sphere_has_the_analytic_outline_and_depth() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    camera = Intrinsics(300.0, 300.0, 100.0, 90.0, 200, 180)
    centre = np.array([0.05, -0.03, 2.0])
    seen = rasterise(sphere.vertices + centre, sphere.faces, camera)
    v, u = np.mgrid[:180, :200]
    rays = np.stack(((u - 100.0) / 300, (v - 90.0) / 300, np.ones(u.shape)), -1)
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    along = unit @ centre
    gap = along**2 - (centre @ centre - 0.25)
    depth = (along - np.sqrt(np.maximum(gap, 0))) * unit[..., 2]
    covered = np.isfinite(seen.depth_image())
    # Polygons lie inside the sphere: only pixels at the very rim may differ.
    assert not (covered & (gap < 0)).any()
    assert ((gap > 0) & ~covered).sum() < 0.004 * (gap > 0).sum()
    inner = gap > 0.02
    assert np.abs(seen.depth_image() - depth)[inner].max() < 1e-3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_shared_edges_neither_leak_nor_overlap(seed: int, on_grid: bool) -> None:
    """Triangles of a planar mesh partition its pixels, also where vertices lie on pixel centres."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(2, 28, (12, 2))
    if on_grid:
        points = np.unique(np.rint(points), axis=0)
    triangulation = Delaunay(points)
    camera = Intrinsics(1.0, 1.0, 0.0, 0.0, 32, 32)
    vertices = np.column_stack((points, np.ones(len(points))))
    counts = np.zeros(32 * 32, int)
    for triangle in triangulation.simplices:
        counts[rasterise(vertices, triangle[None], camera, cull=False).pixel] += 1
    assert counts.max(initial=0) <= 1
    whole = rasterise(vertices, triangulation.simplices, camera, cull=False)
    np.testing.assert_array_equal(np.flatnonzero(counts), whole.pixel)
    grid = np.stack(np.meshgrid(np.arange(32), np.arange(32)), -1).reshape(-1, 2)
    outward = ConvexHull(points).equations
    strictly = (grid @ outward[:, :2].T + outward[:, 2] < -1e-9).all(1)
    assert (counts[strictly] == 1).all()


def test_closed_mesh_seen_from_outside_is_the_same_with_and_without_culling() -> None:
    box = trimesh.creation.box(
        (0.6, 1.0, 0.4), trimesh.transformations.rotation_matrix(0.7, (1, 2, 3))
    )
    vertices = box.vertices + [0, 0, 3]
    culled, full = (rasterise(vertices, box.faces, CAMERA, cull) for cull in (True, False))
    np.testing.assert_array_equal(culled.face, full.face)
    assert len(culled.pixel) > 50
    inside_out = rasterise(vertices, box.faces[:, ::-1], CAMERA)
    assert (inside_out.depth > culled.depth).all()


def test_what_lies_outside_the_picture_or_behind_the_camera_is_left_out() -> None:
    triangle = np.array([[-9.0, -9, 1], [9, -9, 1], [0, 9, 1]])
    faces = np.array([[0, 1, 2]])
    assert len(rasterise(triangle, faces, CAMERA, False).pixel) == 32 * 24
    for move in ((0, 0, -2), (0, 0, -1), (500, 0, 0), (0, -500, 0)):
        assert not len(rasterise(triangle + move, faces, CAMERA, False).pixel)
    one_behind = triangle.copy()
    one_behind[2, 2] = -1
    assert not len(rasterise(one_behind, faces, CAMERA, False).pixel)
    triangle[0] = np.nan
    assert not len(rasterise(triangle, faces, CAMERA, False).pixel)
    assert not len(rasterise(np.zeros((0, 3)), np.zeros((0, 3), int), CAMERA).pixel)


def test_projection_by_hand() -> None:
    camera = Intrinsics(500.0, 400.0, 320.0, 240.0, 640, 480)
    pixels = project(np.array([[0.5, -0.25, 2.0], [0, 0, -1.0]]), camera)
    np.testing.assert_allclose(pixels[0], (320 + 125, 240 - 50))
    assert np.isnan(pixels[1]).all()


def test_supersampled_and_cropped_views_look_at_the_same_points() -> None:
    """Sample k of a factor-2 view lies at (k - 0.5) / 2 of the original pixel grid."""
    point = np.array([[0.31, -0.17, 1.7]])
    base = project(point, CAMERA)[0]
    for factor in (2, 3):
        fine = supersampled(CAMERA, factor)
        assert (fine.width, fine.height) == (32 * factor, 24 * factor)
        np.testing.assert_allclose(project(point, fine)[0], factor * base + (factor - 1) / 2)
    part = cropped(CAMERA, 5, 3, 20, 21)
    assert (part.width, part.height) == (15, 18)
    np.testing.assert_allclose(project(point, part)[0], base - (5, 3))
