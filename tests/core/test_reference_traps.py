"""Where the published code is easily misread: one named test per trap (PEAR facts 2, 3, 5, 16).

Each states the right number and, where that can be computed, what the trap would give instead.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from fabricated import bodies
from pear_core import anatomy, layout
from pear_core.body.ehm import Ehm
from pear_core.body.files import BodyAssets, load_assets
from pear_core.body.landmarks import contour_row, head_yaw
from pear_core.body.parameters import neutral
from pear_core.export.graphs import Network
from pear_core.geometry.crops import crop_from_image, published_square, sample, transform
from pear_core.geometry.rotations import matrix_from_6d, sixd_from_matrix
from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor
from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.warp import strips
from pear_ros.messages import codec, images
from pear_ros.perception.crop import UnusableBox, square_crop
from pear_ros.types import Box, Crop, FloatArray

COLOUR = (200, 100, 50)
WHOLE = Crop(128.0, 128.0, 256.0)


@pytest.fixture(scope="module")
def regressor() -> Regressor:
    torch.manual_seed(0)
    return tiny_network()


def tiny_network() -> Regressor:
    sizes: dict[str, Any] = {"depth": 1, "dim": 24, "heads": 3, "stem": "patch"}
    decoder: dict[str, Any] = {"decoder_depth": 1, "decoder_dim": 32, "decoder_mlp": 32}
    return Regressor(preset("vit_ti", **sizes, **decoder)).eval()


@pytest.fixture(scope="module")
def small_assets(tmp_path_factory: pytest.TempPathFactory) -> BodyAssets:
    folder = tmp_path_factory.mktemp("traps")
    bodies.write_folder(folder, vertices=90, head=40, faces=(150, 60), regions=(6, 5, 2))
    return load_assets(folder)


class Recorder:
    """A network session that remembers what it was fed."""

    def __init__(self) -> None:
        self.crops: FloatArray = np.zeros(0, np.float32)

    def run(self, inputs: dict[str, FloatArray]) -> dict[str, FloatArray]:
        if "crops" in inputs:
            self.crops = inputs["crops"].copy()
            return {"raw": np.zeros((len(self.crops), layout.WIDTH), np.float32)}
        names = ("rotations", "joints", "keypoints", "camera")
        return {name: np.zeros((1, 1), np.float32) for name in names}


def engine_input(picture: NDArray[np.uint8]) -> FloatArray:
    """What the robot's engine hands to the network graph for the whole 256 x 256 picture."""
    recorder = Recorder()
    bundle: Any = SimpleNamespace(folder=Path("nowhere"), manifest={}, read=lambda name: b"")
    GraphEngine(bundle, lambda name: recorder, bundle).regress(picture, [WHOLE])
    return recorder.crops


def backbone_input(model: nn.Module, backbone: nn.Module, crops: Tensor) -> Tensor:
    seen: list[Tensor] = []
    hook = backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        model(crops)
    hook.remove()
    return seen[0]


def image_message(encoding: str, pixels: NDArray[np.uint8]) -> bytes:
    """CDR bytes of sensor_msgs/Image, field by field (little endian, aligned to 4)."""
    height, width, channels = pixels.shape
    name = encoding.encode() + b"\0"
    body = struct.pack("<iI", 1, 2) + struct.pack("<I", 4) + b"cam\0"
    body += struct.pack("<III", height, width, len(name)) + name + b"\0"
    body += b"\0" * (-len(body) % 4)
    body += struct.pack("<II", width * channels, pixels.size) + pixels.tobytes()
    return b"\0\1\0\0" + body


def compressed_message(pixels_bgr: NDArray[np.uint8]) -> bytes:
    data = cv2.imencode(".png", pixels_bgr)[1].tobytes()
    body = struct.pack("<iI", 1, 2) + struct.pack("<I", 4) + b"cam\0"
    body += struct.pack("<I", 4) + b"png\0" + struct.pack("<I", len(data)) + data
    return b"\0\1\0\0" + body


@pytest.mark.parametrize("kind", ["rgb8", "bgr8", "bgra8", "png"])
def test_colours_reach_the_network_as_rgb(kind: str, regressor: Regressor) -> None:
    """Facts 2: the published single-person script feeds BGR; RGB is right."""
    rgb = np.full((256, 256, 3), COLOUR, np.uint8)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    if kind == "png":
        picture = images.decode(compressed_message(bgr), codec.COMPRESSED_IMAGE)
    else:
        stored = {"rgb8": rgb, "bgr8": bgr, "bgra8": np.dstack((bgr, bgr[..., 0]))}[kind]
        picture = images.decode(image_message(kind, np.ascontiguousarray(stored)))
    crops = engine_input(picture)
    assert crops.shape == (1, 3, 256, 192)
    np.testing.assert_allclose(crops[0, :, 77, 55], np.array(COLOUR) / 255, atol=1e-6)
    seen = backbone_input(regressor, regressor.backbone, torch.from_numpy(crops))[0, :, 77, 55]
    # (200 / 255 - 0.485) / 0.229 and so on; as BGR the first would be -1.26.
    expected = [1.3070468, -0.2850140, -0.9329848]
    np.testing.assert_allclose(seen.numpy(), expected, atol=1e-5)


def test_normalisation_happens_once_and_inside_the_network(regressor: Regressor) -> None:
    """Facts 2: ImageNet mean and deviation inside the model; what is fed lies in [0, 1]."""
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 256, 3))
    crops = engine_input(ramp)
    assert float(crops.min()) == 0.0 and float(crops.max()) == pytest.approx(1.0, abs=1e-7)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for graph in (regressor, Network(regressor)):
        seen = backbone_input(graph, regressor.backbone, torch.from_numpy(crops))
        np.testing.assert_allclose(seen[0, :, 255, 0], (1 - mean) / std, atol=1e-5)
        np.testing.assert_allclose(seen[0, :, 0, 0], -mean / std, atol=1e-5)
    # A picture of the mean colour is black to the backbone; normalised twice it would be -2.
    grey = torch.tensor(mean, dtype=torch.float32).reshape(1, 3, 1, 1).expand(1, 3, 256, 192)
    assert backbone_input(regressor, regressor.backbone, grey).abs().max() < 1e-6


def test_side_strips_are_cut_before_the_patch_convolution() -> None:
    """Facts 16.11: the convolution's padding sees zeros at the cut, not columns 30, 31, 224, 225."""
    model = tiny_network()
    convolution = model.backbone.patches
    assert isinstance(convolution, nn.Conv2d)
    square = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        # Channel 0 of a token: red at the patch's first row and column, channel 1 at column 2.
        nn.init.zeros_(convolution.weight)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        convolution.weight[0, 0, 2, 0] = 1.0
        convolution.weight[1, 0, 2, 2] = 1.0
        convolution.weight[2, 0, 2, 15] = 1.0
        seen: list[Tensor] = []
        hook = convolution.register_forward_hook(lambda *args: seen.append(args[2]))
        model.forward_square(square)
        hook.remove()
    tokens = seen[0][0]
    assert tokens.shape == (24, 16, 12)
    red = (square[0, 0] - 0.485) / 0.229
    rows = torch.arange(0, 256, 16)
    # Patch (r, c) begins at row 16 r - 2 and column 32 + 16 c - 2 of the square.
    torch.testing.assert_close(tokens[1], red[rows][:, torch.arange(32, 224, 16)])
    torch.testing.assert_close(tokens[0, :, 1:], red[rows][:, torch.arange(46, 222, 16)])
    assert torch.equal(tokens[0, :, 0], torch.zeros(16)), "sees the strip that was cut"
    torch.testing.assert_close(tokens[2], red[rows][:, torch.arange(45, 224, 16)])


def test_position_0_is_added_to_every_token(regressor: Regressor) -> None:
    """Facts 16.11: there is no class token, yet the class token's position counts."""
    backbone = regressor.backbone
    seen: list[Tensor] = []
    hook = backbone.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        backbone(torch.zeros(1, 3, 256, 192))
    hook.remove()
    table = backbone.positions.detach()[0]
    assert table.shape == (193, 24)
    convolution = backbone.patches
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    for token in (0, 100, 191):
        expected = table[token + 1] + table[0] + convolution.bias.detach()
        torch.testing.assert_close(seen[0][0, token], expected)
    assert table[0].abs().max() > 1e-3


def test_crop_corner_is_256_not_255_and_all_warps_agree() -> None:
    """Facts 2: the square of side L maps to [0, 256] in pixel indices; three warps, one half pixel.

    With 255, column 255 of a square of side 256 would show its right edge instead of one pixel
    before.
    """
    crop = torch.tensor([160.0, 150.0, 300.0]).double()
    corner = torch.tensor([[310.0, 300.0]]).double()
    assert transform(corner, crop_from_image(crop)).tolist() == [[256.0, 256.0]]
    # A picture that is its own column and row number, smooth enough for exact bilinear reading.
    y, x = np.mgrid[:400, :420].astype(np.float64)
    picture = np.stack((x / 2, y / 2, np.full_like(x, 80)), axis=2)
    whole = picture.astype(np.float32)
    cx, cy, side = crop.tolist()
    ours = sample(torch.from_numpy(whole).permute(2, 0, 1)[None].double(), crop[None])[0].numpy()
    half = side / 2
    source = np.array([[cx, cy], [cx, cy + half], [cx + half, cy]], np.float32)
    target = np.array([[128, 128], [128, 256], [256, 128]], np.float32)
    affine = cv2.getAffineTransform(source, target)
    theirs = cv2.warpAffine(whole, affine, (256, 256), flags=cv2.INTER_LINEAR)
    robot = 255 * strips(picture.astype(np.uint8), [Crop(cx, cy, side)])[0]
    columns = np.arange(256)
    # By hand: crop pixel (i, j) shows image (10 + 300 i / 256, 300 j / 256).
    by_hand = (10 + 300 * columns / 256) / 2
    np.testing.assert_allclose(ours[0, 100], by_hand, atol=1e-6)
    np.testing.assert_allclose(theirs[100, :, 0], by_hand, atol=1 / 64 + 1e-3)
    # Bytes: floored on the way in and rounded on the way out. A 255 corner is off by 0.6.
    assert abs(float((robot[0, 100] - by_hand[32:224]).mean()) + 0.25) < 0.1
    np.testing.assert_allclose(ours[1, :, 100], 300 * columns / 512, atol=1e-6)
    np.testing.assert_allclose(theirs[:, 100, 1], ours[1, :, 100], atol=1 / 64 + 1e-3)
    assert abs(float((robot[1, :, 100] - ours[1, :, 132]).mean()) + 0.25) < 0.1


@pytest.mark.parametrize(
    "corners", [(50, 50, 50, 90), (50, 90, 80, 50), (700, 10, 800, 200), (10, 10, math.nan, 90)]
)
def test_degenerate_boxes_give_no_crop_on_either_side(corners: tuple[float, ...]) -> None:
    """Facts 2 and 16.4: such a box is nobody, not a crop of size zero."""
    crop, usable = published_square(torch.tensor(corners, dtype=torch.float32), 640, 480)
    assert not usable and crop.tolist() == [0, 0, 0]
    with pytest.raises(UnusableBox):
        square_crop(Box(*corners), 640, 480)


def test_negative_boxes_are_shifted_inward_as_published_and_clipped_on_the_robot() -> None:
    """Facts 16.4: published crops keep the size of a box that leaves the picture left or above.

    The robot clips on purpose, so that a half-seen person is cropped alike by a detector's box and
    by the projected body.
    """
    crop, _ = published_square(torch.tensor([-60.0, 20.0, 140.0, 120.0]), 640, 480)
    assert crop.tolist() == [99.5, 69.5, 1.25 * 199]
    assert square_crop(Box(-60, 20, 140, 120), 640, 480) == Crop(69.75, 70.0, 1.25 * 140.5)
    inside, _ = published_square(torch.tensor([20.0, 20.0, 140.0, 120.0]), 640, 480)
    # Inside the picture both agree up to the published minus one.
    assert inside.tolist() == [79.5, 69.5, 1.25 * 119]
    assert square_crop(Box(20, 20, 140, 120), 640, 480) == Crop(80.0, 70.0, 1.25 * 120)


def test_6d_are_columns_in_two_triples_not_rows_and_not_interleaved() -> None:
    """Facts 3.3: (a1 xyz, a2 xyz) fill columns; PyTorch3D fills rows, SPIN interleaves."""
    turn = Rotation.from_euler("zyx", [30, 40, 50], degrees=True).as_matrix()
    columns = np.concatenate((turn[:, 0], turn[:, 1]))
    ours = matrix_from_6d(torch.tensor(columns)).numpy()
    np.testing.assert_allclose(ours, turn, atol=1e-12)
    np.testing.assert_allclose(sixd_from_matrix(torch.tensor(turn)).numpy(), columns, atol=1e-15)
    # The same six numbers read as rows are the inverse rotation.
    assert np.abs(ours - turn.T).max() > 0.5
    interleaved = turn[:, :2].ravel()
    assert np.abs(matrix_from_6d(torch.tensor(interleaved)).numpy() - turn).max() > 0.5


def test_mean_root_in_its_stored_order_comes_out_at_90_degrees() -> None:
    """Facts 3.3: smpl_mean_params is stored interleaved, so the root's a2 is nearly parallel to a1.

    Released weights expect that constant as it is: +90 degrees about x, where read in SPIN's order
    it would be 180.
    """
    stored = torch.tensor([1.0, 0.0, 0.0, -1.0000005, 0.0, 1.5e-7]).double()
    expected = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    np.testing.assert_allclose(matrix_from_6d(stored).numpy(), expected, atol=1e-6)
    spin = torch.tensor([1.0, 0, 0, -1, 0, 0]).reshape(3, 2).T.flatten().double()
    half_turn = Rotation.from_euler("x", 180, degrees=True).as_matrix()
    np.testing.assert_allclose(matrix_from_6d(spin).numpy(), half_turn, atol=1e-12)


def test_degenerate_6d_is_still_a_rotation() -> None:
    """Facts 16.6: zero or parallel vectors give zero columns there, a rotation here."""
    rows = [[0, 0, 0, 0, 0, 0], [1, 2, 3, 0, 0, 0], [0, 0, 0, 1, 2, 3], [1, 2, 3, -2, -4, -6]]
    matrices = matrix_from_6d(torch.tensor(rows, dtype=torch.float32))
    eye = torch.eye(3).expand(4, 3, 3)
    torch.testing.assert_close(matrices.mT @ matrices, eye, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(4), atol=1e-5, rtol=0)
    # What is given is kept: the direction of a1.
    first = matrices[[1, 3], :, 0]
    torch.testing.assert_close(first, (torch.tensor([1.0, 2, 3]) / 14**0.5).expand(2, 3))


def test_contour_yaw_keeps_its_sign_under_the_upright_root() -> None:
    """Facts 16.5: with the root in the chain, its usual 180 degrees about x flips the yaw."""
    lbs = pytest.importorskip("smplx.lbs")
    table = torch.arange(79)[:, None].expand(79, 17)
    weights = torch.zeros(79, 17, 3).double()

    def published_row(rotations: Tensor) -> int:
        rows, _ = lbs.find_dynamic_lmk_idx_and_bcoords(
            torch.zeros(1, 1, 3).double(), rotations, table, weights,
            torch.tensor([15, 12, 9, 6, 3, 0]), pose2rot=False,
        )  # fmt: skip
        return int(rows[0, 0])

    pose = torch.eye(3).double().repeat(1, 55, 1, 1)
    pose[0, anatomy.NECK] = torch.tensor(Rotation.from_euler("y", -20, degrees=True).as_matrix())
    upright = pose.clone()
    upright[0, 0] = torch.tensor(Rotation.from_euler("x", 180, degrees=True).as_matrix())
    # The head turned 20 degrees to its own right is row 20 however the body stands.
    assert contour_row(head_yaw(pose)).item() == published_row(pose) == 20
    assert contour_row(head_yaw(upright)).item() == 20
    assert published_row(upright) == 39 + 20


def test_kept_vertices_count_once_in_values_and_gradients(small_assets: BodyAssets) -> None:
    """Facts 16.3: the published list names shared ids twice, and gradients count them twice."""
    assets = small_assets
    shared = np.intersect1d(assets.masks["neck"], assets.masks["boundary"])
    listed = np.concatenate((assets.masks["neck"], assets.masks["boundary"]))
    assert len(shared) == 2 and len(listed) == 11 and len(assets.kept) == 9
    model = Ehm(assets).double()
    betas = torch.zeros(1, 200, dtype=torch.float64, requires_grad=True)
    rest = neutral(1, dtype=torch.float64)
    vertices = model(rest.__class__(**{**vars(rest), "betas": betas})).vertices
    vertices.sum().backward()
    # At rest skinning changes nothing: a kept vertex follows its own shape basis, a replaced one
    # follows the middle of SMPL-X's eye joints.
    smplx, replaced = assets.smplx, np.delete(assets.vertex_ids, assets.kept)
    own = np.delete(smplx.shapedirs[..., :200], replaced, axis=0).astype(float)
    eyes = smplx.joint_regressor[23:25].astype(float).mean(axis=0)
    anchor = np.einsum("v,vkc->kc", eyes, smplx.shapedirs[..., :200].astype(float))
    expected = own.sum(axis=(0, 1)) + len(replaced) * anchor.sum(axis=0)
    assert betas.grad is not None
    np.testing.assert_allclose(betas.grad[0].numpy(), expected, atol=1e-5)
    twice = smplx.shapedirs[assets.vertex_ids[shared], :, :200].astype(float).sum(axis=(0, 1))
    assert np.abs(twice).max() > 1e-3


def test_layer_norm_epsilons_differ_between_backbone_and_decoder(regressor: Regressor) -> None:
    """Facts 16.1: 1e-6 in the ViT, 1e-5 in the decoder, no final norm there; by their output."""
    small = torch.full((1, 1024), 1e-3).double()
    small[:, 1::2] = -1e-3
    # Variance 1e-6: the result is 1e-3 / sqrt(1e-6 + eps).
    expected = {"backbone": 1e-3 / math.sqrt(2e-6), "decoder": 1e-3 / math.sqrt(11e-6)}
    counts = {"backbone": 2 * 1 + 1, "decoder": 3 * 1}
    for part, value in expected.items():
        norms = [m for m in getattr(regressor, part).modules() if isinstance(m, nn.LayerNorm)]
        assert len(norms) == counts[part]
        for norm in norms:
            width = norm.normalized_shape[0]
            out = nn.functional.layer_norm(small[:, :width], (width,), eps=norm.eps)
            torch.testing.assert_close(out[0, 0], torch.tensor(value).double())
            with torch.no_grad():
                assert norm(small[:, :width].float())[0, 0].item() == pytest.approx(value, rel=1e-4)


def test_flip_swaps_the_halves_of_the_face() -> None:
    """Facts 16.8: the published permutation of the 134 points leaves the face as it is."""
    flip = anatomy.DWPOSE_MIRROR
    name = anatomy.DWPOSE_NAMES.index
    # Outer eye corners, mouth corners, ends of the outline and of the brows.
    for one, other in ((36, 45), (39, 42), (48, 54), (60, 64), (0, 16), (17, 26), (37, 44)):
        assert flip[name(f"face_{one}")] == name(f"face_{other}")
        assert flip[name(f"face_{other}")] == name(f"face_{one}")
    for middle in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66):
        assert flip[name(f"face_{middle}")] == name(f"face_{middle}")
    assert (flip[24:92] != np.arange(24, 92)).sum() == 68 - 10
