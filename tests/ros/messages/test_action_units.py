"""Action units of a face: names, lids, jaw and eyes, numbers by hand."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from pear_ros.messages.action_units import action_units

NAMES = ("mouthSmileLeft", "browInnerUp", "jawOpen", "mouthSmileRight", "tongueOut")
LIDS_JAW_EYES = {26, 43, 61, 62, 63, 64}


def expressions(*values: float) -> np.ndarray:
    return np.float32([values])


def test_named_expressions_become_units(people: ModuleType) -> None:
    human = people.posed(flame_expression=expressions(0.6, 0.25, 0.75, 1.0, -0.5))
    intensity, confidence = action_units(human, NAMES, 0.5)
    assert intensity.shape == confidence.shape == (99,)
    assert intensity[12] == pytest.approx(0.8)  # the mean of left and right
    assert intensity[1] == 0.25 and intensity[26] == 0.75
    assert intensity[19] == 0  # nothing below 0
    assert set(np.flatnonzero(confidence)) == LIDS_JAW_EYES | {1, 12, 19}
    assert set(confidence[confidence > 0]) == {0.5}


def test_nameless_expressions_say_nothing(people: ModuleType) -> None:
    human = people.posed(flame_expression=np.ones((1, 50), np.float32))
    intensity, confidence = action_units(human, [f"expression_{i}" for i in range(50)], 1.0)
    assert set(np.flatnonzero(confidence)) == LIDS_JAW_EYES
    assert not intensity.any()


def test_names_of_another_length_are_not_guessed_at(people: ModuleType) -> None:
    human = people.posed(flame_expression=np.ones((1, 50), np.float32))
    _, confidence = action_units(human, NAMES, 1.0)
    assert set(np.flatnonzero(confidence)) == LIDS_JAW_EYES


def test_jaw_and_lids(people: ModuleType) -> None:
    human = people.posed(jaw_pose=np.float32([[0.2, 0, 0]]), eyelids=np.float32([[1.0, 0.5]]))
    intensity, _ = action_units(human, (), 1.0)
    assert intensity[26] == pytest.approx(0.4)
    assert intensity[43] == pytest.approx(0.75)
    wide = people.posed(jaw_pose=np.float32([[0.9, 0, 0]]), eyelids=np.float32([[1.5, 1.5]]))
    intensity, _ = action_units(wide, (), 1.0)
    assert (intensity[26], intensity[43]) == (1, 1)


@pytest.mark.parametrize(
    ("vector", "unit"),
    [((0, 0.3, 0), 61), ((0, -0.3, 0), 62), ((-0.3, 0, 0), 63), ((0.3, 0, 0), 64)],
)
def test_eyes_turn_left_right_up_down(
    people: ModuleType, vector: tuple[float, float, float], unit: int
) -> None:
    # y is up and z ahead: a positive turn about y brings z to x, which is the person's left.
    human = people.posed(eye_pose=np.float32([vector * 2]))
    intensity, _ = action_units(human, (), 1.0)
    assert intensity[unit] == pytest.approx(0.5, abs=1e-6)
    others = {61, 62, 63, 64} - {unit}
    assert np.abs(intensity[list(others)]).max() < 1e-6
