"""The flat vector and the named parameters turn into each other."""

from __future__ import annotations

import torch

from pear_core import layout
from pear_core.body.parameters import BodyParameters, decode, encode, neutral
from pear_ros.types import Parameters


def test_fields_are_those_of_the_robot_side() -> None:
    assert list(BodyParameters.__dataclass_fields__) == list(Parameters.__dataclass_fields__)


def test_decode_reads_the_documented_positions() -> None:
    # Widths 312, 3, 3, 200, 50, 6, 3, 3, 2, 300, 50, 3 give these starts.
    raw = torch.arange(935.0)[None]
    raw[0, :6] = torch.tensor([0.0, 1, 0, 0, 0, 1])
    parameters, camera = decode(raw)
    first = {"hand_scale": 312, "head_scale": 315, "betas": 318, "expression": 518, "eye_pose": 568}
    first |= {"jaw_pose": 577, "eyelids": 580, "flame_shape": 582, "flame_expression": 882}
    for name, start in first.items():
        value = getattr(parameters, name)
        assert value[0, 0] == start and value[0, -1] == start + value.shape[1] - 1
    assert camera.tolist() == [[932.0, 933.0, 934.0]]
    expected = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    torch.testing.assert_close(parameters.rotations[0, 0], expected)


def test_round_trip(parameters: BodyParameters) -> None:
    camera = torch.tensor([[0.1, -0.2, 0.9]]).repeat(3, 1)
    raw = encode(parameters, camera)
    assert raw.shape == (3, layout.WIDTH)
    assert (raw[:, layout.FIELDS["flame_global"].slice] == 0).all()
    back, camera_back = decode(raw)
    assert torch.equal(camera_back, camera)
    for name in BodyParameters.__dataclass_fields__:
        torch.testing.assert_close(getattr(back, name), getattr(parameters, name))


def test_neutral_and_slices() -> None:
    rest = neutral(4, dtype=torch.float64)
    assert len(rest) == 4 and rest.betas.dtype == torch.float64
    assert torch.equal(rest.rotations, torch.eye(3).double().expand(4, 52, 3, 3))
    assert (rest.head_scale == 1).all() and rest.betas.abs().sum() == 0
    assert len(rest[1:3]) == 2 and len(neutral(0)) == 0
    assert rest.map(lambda tensor: tensor.float()).jaw_pose.dtype == torch.float32
