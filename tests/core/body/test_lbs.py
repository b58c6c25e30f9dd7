"""Kinematics and skinning against numpy loops over 4x4 matrices; packing; gradients."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pear_core.anatomy import FLAME_PARENTS, SMPLX_PARENTS
from pear_core.body.lbs import Basis, Skeleton, Skin, folded


def chain(rotations: NDArray, rest: NDArray, parents: NDArray) -> NDArray:
    """World matrices [J, 4, 4] by walking the tree joint by joint."""
    world = np.zeros((len(parents), 4, 4))
    for joint, parent in enumerate(parents):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        world[joint] = local if parent < 0 else world[parent] @ local
    return world


def test_kinematics_and_skinning_by_loops(fabricated: ModuleType) -> None:
    rng = np.random.default_rng(0)
    joints, count = len(SMPLX_PARENTS), 40
    rest = rng.normal(0, 1, (joints, 3))
    rotations = fabricated.random_rotations(rng, joints, angle=1.0)
    weights = fabricated.weights(rng, count, joints).astype(np.float64)
    posedirs = rng.normal(0, 1e-2, (count, 3, 9 * (joints - 1)))
    vertices = rng.normal(0, 1, (count, 3))
    world = chain(rotations, rest, SMPLX_PARENTS)

    feature = np.concatenate([(r - np.eye(3)).ravel() for r in rotations[1:]])
    expected = np.zeros((count, 3))
    for v in range(count):
        corrected = vertices[v] + posedirs[v] @ feature
        for j in range(joints):
            moved = world[j] @ np.append(corrected - rest[j], 1.0)
            expected[v] += weights[v, j] * moved[:3]

    skeleton, skin = Skeleton(SMPLX_PARENTS).double(), Skin(posedirs, weights).double()
    one = [torch.tensor(x)[None] for x in (vertices, rotations, rest)]
    turned, posed = skeleton(one[1], one[2])
    np.testing.assert_allclose(posed[0].numpy(), world[:, :3, 3], atol=1e-12)
    np.testing.assert_allclose(turned[0].numpy(), world[:, :3, :3], atol=1e-12)
    actual = skin(one[0], one[1], one[2], turned, posed)[0].numpy()
    # The buffers hold float32 roundings of the random data.
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_basis_skips_zero_columns() -> None:
    directions = np.zeros((4, 3, 6))
    directions[1, 2, 1], directions[3, 0, 4] = 5.0, -2.0
    basis = Basis(directions)
    assert basis.directions.shape == (2, 12) and basis.columns.tolist() == [1, 4]
    offsets = basis(torch.tensor([[9.0, 1.0, 9.0, 9.0, 3.0, 9.0]]))[0]
    expected = torch.zeros(4, 3)
    expected[1, 2], expected[3, 0] = 5.0, -6.0
    assert torch.equal(offsets, expected)


def test_empty_basis_gives_zeros_with_the_batch() -> None:
    offsets = Basis(np.zeros((4, 3, 6)))(torch.ones(2, 6, dtype=torch.float64))
    assert offsets.shape == (2, 4, 3) and offsets.dtype == torch.float64 and not offsets.any()


def test_folding_equals_regressing_the_sum() -> None:
    rng = np.random.default_rng(1)
    regressor, template = rng.random((5, 30)), rng.normal(0, 1, (30, 3))
    directions, coefficients = rng.normal(0, 1, (30, 3, 7)), rng.normal(0, 1, 7)
    expected = regressor @ (template + directions @ coefficients)
    actual = folded(regressor, template) + folded(regressor, directions) @ coefficients
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_gradcheck(fabricated: ModuleType) -> None:
    rng = np.random.default_rng(2)
    skeleton = Skeleton(FLAME_PARENTS).double()
    skin = Skin(rng.normal(0, 0.1, (3, 3, 36)), fabricated.weights(rng, 3, 5)).double()

    def posed(vertices: Tensor, rotations: Tensor, rest: Tensor) -> Tensor:
        world, joints = skeleton(rotations, rest)
        return skin(vertices, rotations, rest, world, joints)

    inputs = [
        torch.randn(2, 3, 3, generator=torch.manual_seed(0)).double(),
        torch.tensor(fabricated.random_rotations(rng, 2, 5)),
        torch.randn(2, 5, 3, generator=torch.manual_seed(1)).double(),
    ]
    assert torch.autograd.gradcheck(posed, [x.requires_grad_() for x in inputs])
