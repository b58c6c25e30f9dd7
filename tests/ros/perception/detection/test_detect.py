"""How a detector says what the pipeline may do with it."""

from __future__ import annotations

from pear_ros.perception.detection.detect import Confirming, Detector, Policy, policy_of
from pear_ros.types import Box, Frame


class Plain:
    def detect(self, frame: Frame) -> list[Box]:
        return []


class WithPolicy(Plain):
    policy = Policy(search=2.0)

    def confirm(self, frame: Frame, believed: list[Box]) -> list[Box | None]:
        return [None] * len(believed)


def test_policy_is_the_detectors_own_or_the_default() -> None:
    assert policy_of(Plain()) == Policy() and policy_of(WithPolicy()).search == 2.0
    odd = Plain()
    odd.policy = "often"  # type: ignore[attr-defined]
    assert policy_of(odd) == Policy()


def test_only_those_that_can_confirm_are_confirming() -> None:
    assert isinstance(Plain(), Detector) and not isinstance(Plain(), Confirming)
    assert isinstance(WithPolicy(), Confirming)
