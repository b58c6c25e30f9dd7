"""The crop camera against 4x4 matrices, and the way back to the full image against reprojection."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pear_core.geometry.cameras import crop_to_full, project_crop, translation_opencv
from pear_core.layout import CROP_SIZE


def matrix_pipeline(points: np.ndarray, tx: float, ty: float, s: float) -> np.ndarray:
    """The published definition in 4x4 matrices: rotation diag(-1, -1, 1), x left, y up, f = 24.

    Points in the body frame (x right, y down) become x left, y up, are moved by (tx, ty, 24/s),
    projected to device coordinates (+1 is left and top) and flipped to crop coordinates.
    """
    view = np.eye(4)
    view[:3, :3] = np.diag([-1.0, -1.0, 1.0])
    view[:3, 3] = tx, ty, 24 / s
    projection = np.array([[24, 0, 0, 0], [0, 24, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], float)
    to_crop = np.array([[-0.5, 0, 0.5], [0, -0.5, 0.5]])
    homogeneous = np.concatenate((points, np.ones((len(points), 1))), axis=1)
    clip = homogeneous @ view.T @ projection.T
    device = clip[:, :2] / clip[:, 3:]
    return np.concatenate((device, np.ones((len(points), 1))), axis=1) @ to_crop.T


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.3, 2.0), st.integers(0, 99))
def test_projection_is_the_published_matrix_pipeline(
    tx: float, ty: float, s: float, seed: int
) -> None:
    points = np.random.default_rng(seed).normal(0, 0.5, (7, 3))
    expected = matrix_pipeline(points, tx, ty, s)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-8)):
        camera = torch.tensor([[tx, ty, s]], dtype=dtype)
        actual = project_crop(torch.tensor(points, dtype=dtype)[None], camera)[0]
        assert np.abs(actual.numpy() - expected).max() < tolerance


def test_projection_by_hand() -> None:
    # tz = 24; X - tx = 1 at Z = 0: u = 0.5 + 12 / 24 = 1; Y - ty = -2 at Z = 24: v = 0.5 - 24 / 48.
    points = torch.tensor([[[1.1, 0.2, 0.0], [0.1, -1.8, 24.0]]])
    uv = project_crop(points, torch.tensor([[0.1, 0.2, 1.0]]))
    torch.testing.assert_close(uv, torch.tensor([[[1.0, 0.5], [0.5, 0.0]]]))


def test_zero_scale_stays_finite() -> None:
    assert torch.isfinite(translation_opencv(torch.zeros(1, 3))).all()


def reproject(points: Tensor, transl: Tensor, focal: Tensor, centre: Tensor) -> Tensor:
    moved = points + transl[:, None]
    return focal * moved[..., :2] / moved[..., 2:] + centre


def test_centred_crop_of_the_crops_own_focal_is_exact() -> None:
    side, centre = 300.0, torch.tensor([320.0, 240.0]).double()
    camera = torch.tensor([[0.05, -0.1, 0.9]]).double()
    crop = torch.tensor([[320.0, 240.0, side]]).double()
    focal = torch.tensor([12 * side]).double()
    points = torch.randn(1, 50, 3, generator=torch.manual_seed(0)).double() * 0.4
    transl = crop_to_full(camera, crop, focal, centre)
    expected = crop[:, None, :2] + (project_crop(points, camera) - 0.5) * side
    assert (reproject(points, transl, focal, centre) - expected).abs().max() < 1e-8


@pytest.mark.parametrize(("cx", "cy"), [(320.0, 240.0), (326.0, 236.0)])
def test_narrow_view_reprojects_within_a_tenth_of_a_pixel(cx: float, cy: float) -> None:
    # 5 degrees across 640 px and a body within 0.25 m of its plane, 0.9 m in half of the crop.
    focal = torch.tensor([320 / math.tan(math.radians(2.5))]).double()
    side, centre = focal.item() / 12, torch.tensor([320.0, 240.0]).double()
    camera, crop = (
        torch.tensor([[0.02, 0.1, 0.9]]).double(),
        torch.tensor([[cx, cy, side]]).double(),
    )
    points = torch.rand(1, 200, 3, generator=torch.manual_seed(1)).double() - 0.5
    points[..., 2] *= 0.5
    transl = crop_to_full(camera, crop, focal, centre)
    expected = crop[:, None, :2] + (project_crop(points, camera) - 0.5) * side
    assert (reproject(points, transl, focal, centre) - expected).abs().max() < 0.1


@given(
    st.tuples(st.floats(200, 900), st.floats(200, 900)),
    st.tuples(st.floats(100, 500), st.floats(100, 400)),
    st.tuples(st.floats(-100, 700), st.floats(-100, 500), st.floats(40, 600)),
    st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(0.3, 1.6)),
)
def test_crop_centre_is_exact_for_any_principal_point_and_focal(
    focal: tuple[float, float],
    centre: tuple[float, float],
    crop: tuple[float, float, float],
    camera: tuple[float, float, float],
) -> None:
    f, c = torch.tensor(focal).double(), torch.tensor(centre).double()
    square, cam = torch.tensor([crop]).double(), torch.tensor([camera]).double()
    transl = crop_to_full(cam, square, f, c)
    middle = torch.tensor([[[camera[0], camera[1], 0.0]]]).double()
    assert (reproject(middle, transl, f, c)[0, 0] - square[0, :2]).abs().max() < 1e-8
    # A body of one metre is s * side / 2 pixels tall, by the mean focal length.
    depth = float(transl[0, 2])
    pixels = f.mean() * 1.0 / depth
    assert float(pixels) == pytest.approx(camera[2] * crop[2] / 2)


def test_published_form_for_a_centred_principal_point() -> None:
    # tz = 2F/(sL) and t = -t_crop + 2 (c - W/2)/(sL): 2000 / 200 = 10 m and 2 * 50 / 200 = 0.5 m.
    camera, crop = torch.tensor([[0.1, 0.2, 0.8]]), torch.tensor([[370.0, 190.0, 250.0]])
    transl = crop_to_full(camera, crop, torch.tensor([1000.0]), torch.tensor([320.0, 240.0]))
    torch.testing.assert_close(transl, torch.tensor([[0.4, -0.7, 10.0]]))
    assert CROP_SIZE == 256
