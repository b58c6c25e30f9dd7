"""Distance from depth images of a body of balls, whose depth is a formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fabricated import ball_body as balls
from pear_core import anatomy
from pear_ros.perception.placing import depth, skin
from pear_ros.types import Intrinsics

K = Intrinsics(fx=400.0, fy=405.0, cx=165.0, cy=132.0, width=320, height=280)
SKIN = skin.Skin.of(balls.BallBody())
FACING_US = Rotation.from_euler("x", 180, degrees=True)
"""Turns the y-up body into the optical frame: it looks at the camera."""


def person(place: object, yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations (1, 52, 3, 3) and joints (1, 145, 3) of a standing person."""
    root = FACING_US * Rotation.from_euler("y", yaw, degrees=True)
    rotations = np.tile(np.eye(3), (1, 52, 1, 1))
    rotations[0, 0] = root.as_matrix()
    return rotations, (root.apply(balls.rest_joints()) + place)[None]


def clothed(image: np.ndarray) -> np.ndarray:
    """What is measured where everybody's clothes have the assumed thickness."""
    return (image - depth.CLOTHES).astype(np.float32)


def seen_alike(joints: np.ndarray, shift: float) -> np.ndarray:
    """As the picture alone may place them: larger and farther by -shift, on the same pixels."""
    return joints * (joints[:, :1, 2:] - shift) / joints[:, :1, 2:]


def measured(image: np.ndarray, rotations: np.ndarray, joints: np.ndarray) -> depth.Measured:
    return depth.measure(SKIN, image.astype(np.float32), rotations, joints, K)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-0.5, 0.5), st.floats(-0.2, 0.2), st.floats(2.5, 5), st.floats(-180, 180),
    st.floats(-0.1, 0.1),
)  # fmt: skip
def test_a_wrong_distance_is_corrected(
    x: float, y: float, z: float, yaw: float, share: float
) -> None:
    rotations, joints = person((x, y, z), yaw)
    image = clothed(balls.depth_image(joints[0], K))
    found = measured(image, rotations, seen_alike(joints, share * z))
    assert found.ok[0]
    # Limbs nearer or farther than the pelvis are off by their share of the wrong size.
    assert found.shift[0] == pytest.approx(share * z, abs=0.03)
    assert depth.POSE_SIGMA <= found.sigma[0] < 0.08
    exact = measured(image, rotations, joints)
    # From the side an arm stands before the trunk.
    assert abs(exact.shift[0]) < 0.03 and exact.support[0] > 2


def test_holes_noise_and_walls_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(60):
        z = rng.uniform(2, 5)
        rotations, joints = person((rng.uniform(-0.5, 0.5), 0.0, z), rng.uniform(-60, 60))
        clean = clothed(balls.depth_image(joints[0], K, wall=z + rng.uniform(0.4, 3)))
        image = clean + rng.normal(size=clean.shape) * 0.002 * clean**2
        image[rng.random(image.shape) < 0.2] = rng.choice([np.nan, 0.0, np.inf, -1.0])
        shift = rng.normal(0, 0.08) * z
        found = measured(image, rotations, seen_alike(joints, shift))
        assert found.ok[0]
        errors.append(abs(found.shift[0] - shift))
    assert np.median(errors) < 0.012 and max(errors) < 0.06


@pytest.mark.parametrize("side", ["legs", "left", "post"])
def test_what_stands_in_front_is_not_the_person(side: str) -> None:
    rng = np.random.default_rng(3)
    for gap in (0.3, 0.6, 1.0, 1.5):
        rotations, joints = person((0.1, 0.0, 3.0), 20.0)
        image = clothed(balls.depth_image(joints[0], K))
        u, v = K.fx * 0.1 / 3.0 + K.cx, K.cy
        if side == "legs":
            image[int(v) :] = np.minimum(image[int(v) :], 3.0 - gap)
        elif side == "left":
            image[:, : int(u) - 3] = np.minimum(image[:, : int(u) - 3], 3.0 - gap)
        else:
            image[:, int(u) - 3 : int(u) + 3] = 3.0 - gap
        image += rng.normal(0, 0.01, image.shape).astype(np.float32)
        found = measured(image, rotations, seen_alike(joints, -0.2))
        assert found.ok[0], gap
        # Nearer than two sigma of a limb, what hides one cannot be told from it.
        assert found.shift[0] == pytest.approx(-0.2, abs=0.05 if gap < 0.4 else 0.02), gap


def test_nothing_to_measure_is_no_measurement() -> None:
    rotations, joints = person((0.0, 0.0, 3.0))
    for nothing in (np.nan, 0.0, -2.0, np.inf, 0.05):
        assert not measured(np.full((280, 320), nothing), rotations, joints).ok[0]
    # A wall far behind is not the person, nor is a board before everything.
    assert not measured(np.full((280, 320), 8.0), rotations, joints).ok[0]
    assert not measured(np.full((280, 320), 0.9), rotations, joints).ok[0]
    outside, behind = joints + (9.0, 0.0, 0.0), joints - (0.0, 0.0, 6.0)
    image = balls.depth_image(joints[0], K)
    for elsewhere in (outside, behind, np.full_like(joints, np.nan)):
        assert not measured(image, rotations, elsewhere).ok[0]
    nobody = measured(image, rotations[:0], joints[:0])
    assert nobody.ok.shape == nobody.shift.shape == (0,)


def test_people_are_measured_one_by_one() -> None:
    near, far = person((-0.6, 0.0, 2.5)), person((0.7, 0.0, 4.0), 90.0)
    image = np.minimum(*(clothed(balls.depth_image(p[1][0], K)) for p in (near, far)))
    rotations = np.concatenate([near[0], far[0]])
    joints = np.concatenate([seen_alike(near[1], 0.15), seen_alike(far[1], -0.3)])
    both = measured(image, rotations, joints)
    assert both.ok.all()
    np.testing.assert_allclose(both.shift, [0.15, -0.3], atol=0.02)
    for i in range(2):
        alone = measured(image, rotations[i : i + 1], joints[i : i + 1])
        np.testing.assert_allclose(alone.shift[0], both.shift[i], rtol=1e-6)


def on(patch: np.ndarray) -> skin.Skin:
    """A skin of which only the patches matter."""
    return skin.Skin(patch, patch, np.zeros((len(patch), 3, 2)))


def test_agreement_by_hand() -> None:
    """Five trunk votes around 0.10, two of a limb that is hidden by something 0.8 m nearer."""
    patch = np.array([0, 0, 1, 1, 2, 8, 9])
    assert [skin.PATCHES[i].bone for i in (0, 1, 2, 8, 9)] == [
        "pelvis", "spine1", "spine2", "neck", "head",
    ]  # fmt: skip
    votes = np.array([[0.10, 0.10, 0.13, 0.13, 0.05, -0.7, -0.7]])
    found = depth.agree(on(patch), votes, np.array([0.02]), np.array([3.0]))
    # A patch of fewer than three votes counts a third per vote: precision 1/9e-4, 1/16e-4, 1/25e-4.
    weight = np.array([2 / 9e-4, 2 / 16e-4, 1 / 25e-4])
    shift = np.array([0.10, 0.13, 0.05])
    for _ in range(50):  # the fixed point of weights that fade with the distance, trunk 1.5 x 0.054
        mean = (weight * shift).sum() / weight.sum()
        faded = weight * np.exp(-0.5 * ((shift - mean) / (1.5 * np.hypot(0.05, 0.02))) ** 2)
        mean = (faded * shift).sum() / faded.sum()
    assert found.shift[0] == pytest.approx(mean, abs=2e-3)
    spread = (faded * (shift - mean) ** 2).sum() / faded.sum()
    share = 5 / 7  # five votes of a third each agree, two of a third do not
    sigma = np.sqrt(depth.POSE_SIGMA**2 + depth.SPREAD_SHARE**2 * spread + 0.02**2 / 5) / share
    assert found.sigma[0] == pytest.approx(sigma, rel=0.05)
    assert found.support[0] == pytest.approx(5 / 3)
    assert found.ok[0] == (depth.LEAST_SUPPORT <= 5 / 3)
    fewer = np.where(np.arange(7) < 2, votes, np.nan)
    assert not depth.agree(on(patch), fewer, np.array([0.02]), np.array([3.0])).ok[0]
    three = depth.agree(
        on(np.repeat([0, 1, 2], 3)), np.full((1, 9), 0.2), np.zeros(1), np.array([3.0])
    )
    assert three.ok[0] and three.support[0] == pytest.approx(3.0)
    assert three.shift[0] == pytest.approx(0.2, abs=1e-6)


def test_children_stand_nearer_than_adults_of_their_size_in_the_picture() -> None:
    """A child of two thirds of the assumed size, taken for an adult at half again its distance."""
    rotations, joints = person((0.0, 0.0, 2.0))
    image = clothed(balls.depth_image(joints[0], K))
    found = measured(image, rotations, joints / 0.66)
    assert found.ok[0]
    assert found.shift[0] == pytest.approx(2.0 - 2.0 / 0.66, abs=0.03)


def test_the_pelvis_is_the_joint_that_is_measured() -> None:
    assert anatomy.EHM_JOINTS[0] == skin.PATCHES[0].bone == "pelvis"


def decided(near: int, far: int) -> depth.Measured:
    """So many trunk votes, a third each, at 0.1 m and at 1.2 m; the person is 3 m away.

    Choosing the near ones leaves the far ones behind the person, 10 for three; the other way the
    near ones stand in front, 5 for three.
    """
    patch = np.concatenate([np.arange(near) // 3, 2 + np.arange(far) // 3])
    votes = np.repeat([0.1, 1.2], [near, far])[None]
    return depth.agree(on(patch), votes, np.zeros(1), np.array([3.0]))


def test_the_picture_is_a_weak_prior() -> None:
    """The far shift is 0.4 of the distance: 2.5 log(1 + (0.4 / 0.12)^2) in log-likelihood."""
    prior = 2.5 * np.log1p((1.2 / 3 / 0.12) ** 2) - 2.5 * np.log1p((0.1 / 3 / 0.12) ** 2)
    assert prior == pytest.approx(6.05, abs=0.02)
    # The near ones cost 4 * 10 / 3 = 13.3, the far ones 5 * 5 / 3 + 6.05 = 14.4.
    assert decided(5, 4).shift[0] == pytest.approx(0.1, abs=0.01)
    # Weak: 20 against 14.4.
    assert decided(5, 6).shift[0] == pytest.approx(1.2, abs=0.01)


def test_ambiguous_or_outvoted_people_are_not_measured() -> None:
    """13.3 against 14.4 is three to one, 20 against 14.4 is 270 to one."""
    assert not decided(5, 4).ok[0] and decided(5, 6).ok[0]
    trunk, limbs = np.repeat([0, 1], 3), np.repeat([7, 8, 9], 3)
    for count, ok in ((2, True), (3, False)):
        patch = np.concatenate([trunk, limbs[: 3 * count]])
        votes = np.where(np.isin(patch, trunk), 0.1, -1.3)[None]
        found = depth.agree(on(patch), votes, np.zeros(1), np.array([3.0]))
        assert found.shift[0] == pytest.approx(0.1, abs=0.01)
        # Two patches agree: 2 of 4 are a half, 2 of 5 too few.
        assert bool(found.ok[0]) is ok
