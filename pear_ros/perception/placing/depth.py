"""How far people are, from a depth image aligned to the picture.

Every visible point of the skin (`skin`) whose pixel has a depth says by how much the person should
move along the optical axis. Those votes are mixed: an arm or a chair in front, the wall where the
outline is misplaced, holes. So the shift is first searched on a grid for the most votes that agree,
where a vote that is nearer than the body (something stands in front) costs less than one behind it
(one would have to look through the person), and is then refined on the votes that agree. Points of
the trunk count most, because they say most about the pelvis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_ros.perception.placing.skin import Skin
from pear_ros.types import FloatArray, Intrinsics

SENSOR_NOISE = 0.002
"""Standard deviation of a measured depth in 1/m, times the depth squared: the law of stereo cameras
(disparity errors of a tenth of a pixel at 640 x 480)."""
CLOTHES = 0.015
"""Metres by which clothes and hair stand before the skin."""
FACING = 0.35
"""A point is seen if its normal lies within 70 degrees of the way to the camera (cosine)."""
PRIOR_SIGMA = 0.12
"""Width of what is believed of the shift before, as a share of the distance. Its tails are long
(Student's t, 4 degrees of freedom): a child is as tall as an adult at half again its distance."""
NEAREST = 0.1
"""Depths below this many metres are no measurements."""
REACH = 0.45
GRID = np.linspace(-REACH, REACH, 31)
"""Shifts that are tried, as shares of the distance."""
CORE_SIGMA, LIMB_SIGMA = 0.05, 0.15
"""Metres within which votes agree: trunk, others."""
FRONT_COST, BEHIND_COST = (5.0, 2.5), (10.0, 5.0)
"""The most that a vote costs that is nearer, or farther, than the body: trunk, others. In units of
log-likelihood."""
FULL = 3.0
"""As many votes of one patch count as one; more do not count more."""
LEAST_SUPPORT, LEAST_CORE, LEAST_SHARE, LEAST_MASS = 1.5, 0.5, 0.45, 0.9
"""What a measurement needs: patches that agree, of the trunk, as a share of those with a depth, and
how much of the belief lies within SAME of the best shift."""
SAME = 0.15
POSE_SIGMA, SPREAD_SHARE = 0.017, 0.5
"""sigma^2 = POSE^2 + (SPREAD_SHARE spread of the votes)^2 + noise^2 / votes, the whole divided by the
share of patches that agree; constants calibrated as in `place`."""

_Array = NDArray[np.float64]

_GRID32 = GRID.astype(np.float32)
_PRIOR = 2.5 * np.log1p((_GRID32 / np.float32(PRIOR_SIGMA)) ** 2)
_STEP = float(GRID[1] - GRID[0])
_ROUNDS = 3
_WIDER = 1.5**2
"""While they are refined, votes fade over 1.5 times the width within which they agree."""
_INLIER = 2.5**2


@dataclass(frozen=True)
class Measured:
    """Of N people: shift (N,) along the optical axis and its sigma (N,) in metres; ok (N,): whether
    there is a measurement; support (N,): how many patches agree.
    """

    shift: _Array
    sigma: _Array
    ok: NDArray[np.bool_]
    support: _Array


def measure(
    skin: Skin,
    depth: FloatArray,
    rotations: FloatArray,
    joints: FloatArray,
    intrinsics: Intrinsics,
) -> Measured:
    """How far people must move along the optical axis to stand where the depth image sees them.

    depth (H, W): metres, of the picture's size; anything that is not finite and above NEAREST is
    unknown. rotations (N, 52, 3, 3): local. joints (N, 145, 3): optical frame, as placed from the
    picture alone, so that they cover the person in the picture.
    """
    points, normals = skin.pose(rotations, joints)
    votes, noise = _votes(points, normals, depth, intrinsics)
    return agree(skin, votes, noise, joints[:, 0, 2].astype(np.float64))


def agree(skin: Skin, votes: _Array, noise: _Array, distance: _Array) -> Measured:
    """The shift that the votes (N, P) of the skin's points agree on; NaN is no vote.

    noise (N,): standard deviation of a depth. distance (N,): to the person as placed. All in metres.
    """
    has = ~np.isnan(votes)
    shifts = np.where(has, votes, 0.0)
    # Few votes of a patch count a part of one each, many share one.
    weight = (1.0 / np.maximum(has @ skin.member, FULL))[:, skin.patch] * has
    width = np.where(skin.core, CORE_SIGMA**2, LIMB_SIGMA**2)
    tight = 1.0 / (width + (noise * noise)[:, None])
    best, mass = _search(shifts, weight, tight, skin.core, distance)
    precision, fade = weight * skin.precision, tight * (-0.5 / _WIDER)
    apart = shifts - best[:, None]
    for _ in range(_ROUNDS):
        agreeing = precision * np.exp(apart * apart * fade)
        total = np.maximum(agreeing.sum(axis=1), 1e-12)
        best = (agreeing * shifts).sum(axis=1) / total
        apart = shifts - best[:, None]
    squares = apart * apart
    inlier = weight * (squares * tight < _INLIER)
    support, core_support = inlier.sum(axis=1), inlier @ skin.core
    share = support / np.maximum(weight.sum(axis=1), 1e-12)
    spread = (agreeing * squares).sum(axis=1) / total
    averaged = noise**2 / np.maximum((inlier > 0).sum(axis=1), 1)
    sigma = np.sqrt(POSE_SIGMA**2 + SPREAD_SHARE**2 * spread + averaged) / np.maximum(share, 0.1)
    ok = (support >= LEAST_SUPPORT) & (core_support >= LEAST_CORE)
    ok &= (share >= LEAST_SHARE) & (mass >= LEAST_MASS)
    return Measured(best, sigma, ok, support)


def _votes(
    points: _Array, normals: _Array, depth: FloatArray, k: Intrinsics
) -> tuple[_Array, _Array]:
    """What each point says (N, P), NaN where it is hidden or unknown, and the noise (N,) there."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    towards = -(points * normals).sum(axis=-1)
    seen = (towards > FACING * np.sqrt((points * points).sum(axis=-1))) & (z > NEAREST)
    safe = np.where(seen, z, 1.0)
    u, v = k.fx * x / safe + k.cx, k.fy * y / safe + k.cy
    height, width = depth.shape
    seen &= (u > -0.5) & (v > -0.5) & (u < width - 0.5) & (v < height - 0.5)
    column = np.where(seen, np.rint(u), 0).astype(np.intp)
    row = np.where(seen, np.rint(v), 0).astype(np.intp)
    found = depth[row, column].astype(np.float64)
    seen &= np.isfinite(found) & (found > NEAREST)
    votes = np.where(seen, found + CLOTHES - z, np.nan)
    distance = np.add.reduce(z, axis=1) / z.shape[1]
    return votes, SENSOR_NOISE * distance**2


def _search(
    shifts: _Array, weight: _Array, tight: _Array, core: NDArray[np.bool_], distance: _Array
) -> tuple[_Array, _Array]:
    """The likeliest shift (N,) on the grid, and how much of the belief lies near it (N,).

    tight (N, P): inverse variance within which votes agree. In float32, for speed.
    """
    tried = distance.astype(np.float32)[:, None] * _GRID32
    half = np.sqrt(0.5 * tight).astype(np.float32)[:, :, None]
    apart = shifts.astype(np.float32)[:, :, None] - tried[:, None]
    apart *= half
    front = np.where(core, *FRONT_COST).astype(np.float32)[:, None]
    behind = np.where(core, *BEHIND_COST).astype(np.float32)[:, None]
    most = np.where(apart < 0.0, front, behind)
    apart *= apart
    cost = np.minimum(apart, most, out=apart)
    belief = -(weight.astype(np.float32)[:, None] @ cost)[:, 0] - _PRIOR
    likeliest = np.arange(len(belief)), belief.argmax(axis=1)
    share = np.exp(belief - belief[likeliest][:, None])
    shift = tried[likeliest][:, None]
    near = np.abs(tried - shift) < np.maximum(SAME, 1.5 * _STEP * distance)[:, None]
    mass = np.einsum("nj,nj->n", share, near) / share.sum(axis=1)
    return shift[:, 0].astype(np.float64), mass.astype(np.float64)
