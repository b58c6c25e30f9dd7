"""Heads: where each number goes, and the person that training starts from."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from pear_core import layout
from pear_core.model.heads import Heads, initial_raw


def test_widths_are_the_published_ones() -> None:
    widths = [head.out_features for head in Heads(16).heads.values()]  # type: ignore[union-attr]
    assert widths == [312, 6, 200, 50, 14, 300, 50, 3]


def test_every_head_writes_its_own_slice() -> None:
    heads = Heads(8)
    starts = np.cumsum([0, 312, 6, 200, 50, 14, 300, 50])
    x = torch.randn(2, 8)
    with torch.no_grad():
        for i, head in enumerate(heads.heads.values()):
            head.weight.zero_()  # type: ignore[union-attr, operator]
            head.bias.fill_(float(i))  # type: ignore[union-attr, operator]
        raw = heads(x)
    assert raw.shape == (2, 935)
    for i, start in enumerate(starts):
        assert raw[0, start] == i
    # The same slices by the layout's names.
    assert raw[0, layout.FIELDS["head_scale"].slice].tolist() == [1.0] * 3
    assert raw[0, layout.FIELDS["eyelids"].slice].tolist() == [4.0] * 2
    assert raw[0, layout.FIELDS["camera"].slice].tolist() == [7.0] * 3


def test_own_start_is_an_upright_person_whatever_the_features() -> None:
    torch.manual_seed(0)
    raw = Heads(16, "own")(100 * torch.randn(3, 16)).detach().numpy()
    assert np.array_equal(raw[0], raw[1])
    # By hand: 180 degrees about x has columns (1, 0, 0), (0, -1, 0), (0, 0, -1).
    half_turn = Rotation.from_rotvec([np.pi, 0, 0]).as_matrix()
    np.testing.assert_allclose(raw[0, :6], np.r_[half_turn[:, 0], half_turn[:, 1]], atol=1e-15)
    np.testing.assert_array_equal(
        raw[0, 6:312].reshape(51, 6), np.tile([1, 0, 0, 0, 1, 0], (51, 1))
    )
    np.testing.assert_array_equal(raw[0, 312:318], np.ones(6))
    np.testing.assert_array_equal(raw[0, 318:932], np.zeros(614))
    np.testing.assert_allclose(raw[0, 932:], [0, 0, 0.9], rtol=1e-7)


def test_published_start_leaves_the_pose_to_the_checkpoint() -> None:
    raw = initial_raw("published").numpy()
    np.testing.assert_array_equal(raw[:934], np.zeros(934))
    assert raw[934] == 1.5


def test_gradients_reach_the_features_after_one_step() -> None:
    # Zero weights pass no gradient back at first, but get one themselves.
    heads = Heads(16)
    heads(torch.ones(1, 16)).square().sum().backward()
    camera = heads.heads["camera"]
    assert camera.weight.grad is not None and float(camera.weight.grad.abs().max()) > 0  # type: ignore[union-attr, operator]
