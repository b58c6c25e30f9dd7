"""DDS types: cyclonedds's own serializer, which reads the IDL classes, agrees with our codec."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from pear_ros.dds import types
from pear_ros.messages import codec
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.markers import marker_array
from pear_ros.problems import PearError


def test_names_on_the_wire() -> None:
    assert types.wire_type_name("pear/msg/HumanArray") == "pear::msg::dds_::HumanArray_"
    for name in codec.typestore().fielddefs:
        assert types.ros_type_name(types.wire_type_name(name)) == name
    for other in ("Plain", "a::msg::dds_::B", "a::msg::B_::c", "a::b::msg::dds_::B_"):
        assert types.ros_type_name(other) == ""


def test_type_hash_is_the_one_that_ros_shows() -> None:
    # `ros2 topic info -v` of Jazzy prints this for sensor_msgs/msg/Image.
    digest = "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"
    assert types.type_hash("sensor_msgs/msg/Image") == f"typehash={digest};".encode()


def test_every_known_type_has_a_dds_type() -> None:
    for name in codec.typestore().fielddefs:
        idl = types.idl_type(name).__idl__
        idl.populate()
        assert idl.idl_transformed_typename == types.wire_type_name(name)
        assert idl.keyless


def test_unknown_and_inexpressible_types_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PearError, match="nowhere/msg/Nothing"):
        types.idl_type("nowhere/msg/Nothing")
    monkeypatch.delitem(types._BASES, "string")
    with pytest.raises(PearError, match=r"string.*not supported"):
        types.idl_type.__wrapped__("std_msgs/msg/String")


def test_the_members_are_described_truly(people: ModuleType, rng: np.random.Generator) -> None:
    identity = Identity("m", "b", "t", engine="e")
    frame, vertices = people.frame(rng, 2), people.floats(rng, 2, 5, 3)
    faces = rng.integers(0, 5, (4, 3))
    for name, raw in (
        (codec.HUMAN_ARRAY, human_array(frame, identity)),
        (codec.MARKER_ARRAY, marker_array(frame, vertices, faces, gone=[9], delete_all=True)),
    ):
        message = types.idl_type(name).deserialize(raw)
        assert message.serialize(use_version_2=False) == raw
