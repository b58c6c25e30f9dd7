"""Linear blend skinning: batched, differentiable, float32 or float64, no control flow.

Like torch's own modules, models are built in torch's default type: under float64 they hold a file's
constants to the last digit, while `.double()` of a float32 model holds their roundings.

Shape and pose blend shapes are stored as [columns, vertices * 3] with the all-zero columns left
out, so that a model that lacks pose correctives (the free body) or most shape columns pays nothing
for them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pear_core.anatomy import tree_levels

FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.int64]


class Basis(nn.Module):
    """A linear basis of offsets: coefficients [B, C] -> [B, N, 3]; zero columns are not stored."""

    columns: Tensor
    directions: Tensor

    def __init__(self, directions: FloatArray) -> None:
        """directions: [N, 3, C] as in the model files."""
        super().__init__()
        self.count, _, self.width = directions.shape
        used = np.flatnonzero(np.any(directions != 0, axis=(0, 1)))
        packed = np.ascontiguousarray(directions[:, :, used].reshape(3 * self.count, used.size).T)
        self.empty = used.size == 0
        self.every = used.size == self.width
        self.register_buffer("columns", torch.from_numpy(used.astype(np.int64)), persistent=False)
        self.register_buffer("directions", _float(packed), persistent=False)

    def forward(self, coefficients: Tensor) -> Tensor:
        if self.empty:
            return coefficients.new_zeros(coefficients.shape[0], self.count, 3)
        used = coefficients if self.every else coefficients.index_select(1, self.columns)
        return (used @ self.directions).unflatten(-1, (self.count, 3))


class Skeleton(nn.Module):
    """Forward kinematics of one tree, one batched product per level."""

    parents: Tensor
    order: Tensor

    def __init__(self, parents: IndexArray) -> None:
        super().__init__()
        levels = tree_levels(parents)
        self.depth = len(levels)
        for depth, joints in enumerate(levels):
            self._index(f"joints{depth}", joints)
            if depth:
                # Where the parents lie within the level above, which is all that level holds.
                self._index(f"above{depth}", np.searchsorted(levels[depth - 1], parents[joints]))
        self._index("parents", np.maximum(parents, 0))
        self._index("order", np.argsort(np.concatenate(levels)))

    def forward(self, rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """World rotations [B, J, 3, 3] and posed joints [B, J, 3].

        rotations: local [B, J, 3, 3]; rest: joints of the rest pose [B, J, 3].
        """
        bones = (rest - rest.index_select(1, self.parents))[..., None]
        root = self.get_buffer("joints0")
        turned, placed = rotations.index_select(1, root), rest.index_select(1, root)
        all_turned, all_placed = [turned], [placed]
        for depth in range(1, self.depth):
            joints, above = self.get_buffer(f"joints{depth}"), self.get_buffer(f"above{depth}")
            base, origin = turned.index_select(1, above), placed.index_select(1, above)
            turned = base @ rotations.index_select(1, joints)
            placed = origin + (base @ bones.index_select(1, joints)).squeeze(-1)
            all_turned.append(turned)
            all_placed.append(placed)
        world = torch.cat(all_turned, dim=1).index_select(1, self.order)
        return world, torch.cat(all_placed, dim=1).index_select(1, self.order)

    def _index(self, name: str, array: IndexArray) -> None:
        self.register_buffer(name, torch.tensor(array, dtype=torch.int64), persistent=False)


class Skin(nn.Module):
    """Pose correctives and skinning weights of a set of vertices."""

    weights: Tensor
    identity: Tensor

    def __init__(self, posedirs: FloatArray, weights: FloatArray) -> None:
        """posedirs [V, 3, 9 * (J - 1)], weights [V, J] as in the model files."""
        super().__init__()
        self.correctives = Basis(posedirs)
        self.register_buffer("weights", _float(weights.T), persistent=False)
        self.register_buffer("identity", torch.eye(3), persistent=False)

    def forward(
        self, vertices: Tensor, rotations: Tensor, rest: Tensor, world: Tensor, posed: Tensor
    ) -> Tensor:
        """Posed vertices [B, V, 3] of the shaped ones [B, V, 3].

        rotations: local [B, J, 3, 3]; rest, posed: joints [B, J, 3]; world: [B, J, 3, 3].
        """
        if not self.correctives.empty:
            features = (rotations[:, 1:] - self.identity).flatten(1)
            vertices = vertices + self.correctives(features)
        shift = posed - (world @ rest[..., None]).squeeze(-1)
        motion = torch.cat((world.flatten(2), shift), dim=-1)
        # Components first, vertices last: three times faster than small matrices per vertex.
        blended = motion.transpose(1, 2) @ self.weights
        turn, move = blended[:, :9].unflatten(1, (3, 3)), blended[:, 9:]
        points = vertices.transpose(1, 2)[:, None]
        return ((turn * points).sum(dim=2) + move).transpose(1, 2)


def folded(joint_regressor: FloatArray, directions: FloatArray) -> FloatArray:
    """The regressor [J, V] applied to [V, 3] or [V, 3, C] once, in float64, not in every frame."""
    used = np.flatnonzero(np.any(joint_regressor != 0, axis=0))
    weights, support = joint_regressor[:, used], directions[used]
    result: FloatArray = np.tensordot(weights.astype(float), support.astype(float), axes=(1, 0))
    return result


def _float(array: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(torch.get_default_dtype())
