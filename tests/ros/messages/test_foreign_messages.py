"""Definitions of other packages have the hash of the real ones, so that nodes understand each other."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pear_ros.messages import codec, foreign

# What hri_msgs 2.3.2 and vision_msgs 4.1.1 carry in their type descriptions.
HASHES = {
    "hri_msgs/msg/IdsList": ("7e0812d1ac945c98fd3e393568d581ad0ab567f37b24eff633eab778c1bfe62d"),
    "hri_msgs/msg/IdsMatch": ("1c649d4a87ca2d4fe5f606395e83a863640e411c9192dfda6d399a68019966f0"),
    "hri_msgs/msg/NormalizedPointOfInterest2D": (
        "cc1d2f720c82afeb850ff1dbf66f41ecb7caf19f842987f1247e66160cf03953"
    ),
    "hri_msgs/msg/NormalizedRegionOfInterest2D": (
        "2e50c93f1ca166ee77af9a5424dc951ae4e452b740162a7f83c082d917dcaff5"
    ),
    "hri_msgs/msg/Skeleton2D": ("1cb61f012db6ca43c48fa0097ccab9a00108ea39323c13f01bb983323c1e3420"),
    "hri_msgs/msg/FacialLandmarks": (
        "f1d6b0ba159f4d6be1632e5dfc9cb79ce5e35da73888da2a4789bd9b35112a63"
    ),
    "hri_msgs/msg/FacialActionUnits": (
        "43f431104624b6ff7f84350f1faa3747efc8a9330dee942b717a08830a267ed3"
    ),
    "hri_msgs/msg/Expression": ("411b88e0604397d44775d8ec6a4bc69398fb0dfbfe864c33a40fa99ee85f1b00"),
    "vision_msgs/msg/Point2D": ("eab0e83f44ab4de92ceaf76dd7d0e7638f2bdd1d16ffbe16c7a136c48e407247"),
    "vision_msgs/msg/Pose2D": ("b0b5d1d7b4c20dd4fcde3ed1d4b289a919290572007d67a97043814db25d3648"),
    "vision_msgs/msg/BoundingBox2D": (
        "008eacbb0cf8f26e83795547bed013eec3675485ef386ec056d80eaaf1c1ce2f"
    ),
    "vision_msgs/msg/ObjectHypothesis": (
        "51da43cec11c01957a64d1e05a24acd18aae7745ec30b74348ad5f6d634f7f90"
    ),
    "vision_msgs/msg/ObjectHypothesisWithPose": (
        "41c12344c0396c48b81df12467c192d99b2a0eb1463c5c37194e4223251c80bc"
    ),
    "vision_msgs/msg/Detection2D": (
        "0d12b69df5c593b3455b7346fac8205437a7d4bcb09b9e0e0b2dde787ded38ea"
    ),
    "vision_msgs/msg/Detection2DArray": (
        "214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"
    ),
}


def test_every_definition_is_covered() -> None:
    assert set(HASHES) == set(foreign.DEFINITIONS)


@pytest.mark.parametrize("name", foreign.DEFINITIONS)
def test_hashes_are_those_of_the_packages(name: str) -> None:
    assert codec.typestore().hash_rihs01(name) == "RIHS01_" + HASHES[name]
    assert codec.definition(name).digest == "RIHS01_" + HASHES[name]


@pytest.mark.ros
@pytest.mark.parametrize("name", foreign.DEFINITIONS)
def test_an_installed_package_agrees(name: str) -> None:
    package, _, message = name.split("/")
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":"):
        path = Path(prefix) / "share" / package / "msg" / f"{message}.json"
        if path.is_file():
            break
    else:
        pytest.skip(f"{package} is not installed")
    hashes = {t["type_name"]: t["hash_string"] for t in json.loads(path.read_text())["type_hashes"]}
    assert hashes[name] == codec.typestore().hash_rihs01(name)
