"""Votes and dense targets against hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import null_space
from scipy.spatial.transform import Rotation

from pear_core.data import surface
from pear_core.train.auxiliary import VOTED, aligned_loss, count_votes, surface_loss, vote_loss

LSP = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15)
"""Ankle to hip right, hip to ankle left, wrist to shoulder right, shoulder to wrist left, neck, head."""


def test_one_sure_token_decides() -> None:
    """Token row 3, column 2 is centred on pixel (32 + 2 * 16 + 5.5, 3 * 16 + 5.5) of the square."""
    votes = torch.zeros(1, 192, len(VOTED), 4)
    votes[0, 3 * 12 + 2, :, 0] = 50.0
    votes[0, 3 * 12 + 2, :, 1:] = torch.tensor([0.4, -0.2, 0.7])
    points = count_votes(votes, None)
    expected = torch.tensor([69.5 / 256 + 0.1, 53.5 / 256 - 0.05, 0.7])
    torch.testing.assert_close(points[0, 5], expected, atol=1e-5, rtol=1e-5)
    kept = torch.tensor([[0, 38, 100]])
    same = count_votes(votes[:, kept[0]], kept)
    torch.testing.assert_close(same, points, atol=1e-5, rtol=1e-5)


def test_vote_loss_by_hand() -> None:
    joints, keypoints = torch.zeros(1, 145, 3), torch.full((1, 145, 2), 0.5)
    points = torch.full((1, len(VOTED), 3), 0.5)
    points[..., 0] += 0.1
    points[..., 2] = 0.3
    loss = vote_loss(points, joints, keypoints, torch.ones(1, 145))
    assert float(loss) == pytest.approx(0.1 / 2 + 0.2 * 0.3, abs=1e-6)
    assert float(vote_loss(points, joints, keypoints, torch.zeros(1, 145))) == 0.0


def _unmendable(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displacements [14, 3] that no shift, turn or change of scale of the points lessens."""
    centred = points - points.mean(axis=0)
    shifts = [np.tile(axis, (len(points), 1)) for axis in np.eye(3)]
    turns = [np.cross(axis, centred) for axis in np.eye(3)]
    felt = np.stack([m.ravel() for m in (*shifts, *turns, centred)])
    free = null_space(felt)
    moves: np.ndarray = free @ rng.normal(0, 0.01, free.shape[1])
    return moves.reshape(points.shape)


def test_aligned_loss_is_what_no_similarity_can_mend() -> None:
    rng = np.random.default_rng(3)
    joints, target = rng.normal(0, 9.0, (2, 2, 145, 3))  # what is not judged may lie anywhere
    lengths = []
    for person in range(2):
        points = rng.normal(0, 0.4, (14, 3))
        moves = _unmendable(points, rng)
        lengths.append(np.linalg.norm(moves, axis=1).mean())
        turn = Rotation.random(random_state=person).as_matrix()
        target[person, LSP] = points + moves
        joints[person, LSP] = 1.3 * points @ turn.T + [0.1, -3.0, 20.0]
    own, other = torch.from_numpy(joints).requires_grad_(), torch.from_numpy(target)
    loss = aligned_loss(own, other, torch.ones(2, 4, dtype=torch.float64))
    assert loss.item() == pytest.approx(np.mean(lengths), rel=1e-6)
    loss.backward()  # type: ignore[no-untyped-call]
    judged = np.zeros(145, bool)
    judged[list(LSP)] = True
    assert own.grad is not None
    assert ((own.grad.abs().sum(dim=(0, 2)) > 0).numpy() == judged).all()
    valid = torch.tensor([[0.0, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.float64)
    assert aligned_loss(own, other, valid).item() == pytest.approx(lengths[1], rel=1e-6)


def test_surface_loss_by_hand() -> None:
    """Uniform logits cost log 3; one of four values 0.5 off costs 4 * 0.5 / 4."""
    target = torch.zeros(1, 64, 48, 5, dtype=torch.uint8)
    cells = torch.zeros(1, 192, 16, 7)
    assert float(surface_loss(cells, target, None)) == pytest.approx(math.log(3))
    target[..., 0] = surface.BODY
    target[..., 1:] = 255  # decodes to 1
    cells[..., 3:] = 1.0
    cells[..., 4] = 0.5
    assert float(surface_loss(cells, target, None)) == pytest.approx(math.log(3) + 0.5, abs=1e-5)


def test_surface_loss_pairs_tokens_with_their_own_cells() -> None:
    target = torch.zeros(1, 64, 48, 5, dtype=torch.uint8)
    target[0, 4 * 3 + 1, 4 * 2 + 3, 0] = surface.WORN  # token row 3, column 2, cell 1 * 4 + 3
    cells = torch.zeros(1, 1, 16, 7)
    cells[..., 0] = 30.0
    cells[0, 0, 7] = torch.tensor([0.0, 30.0, 0, 0, 0, 0, 0])
    right, wrong = (surface_loss(cells, target, torch.tensor([[t]])) for t in (38, 39))
    assert float(right) < 1e-3 < 1.0 < float(wrong)
