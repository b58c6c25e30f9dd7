"""rviz/pear.rviz says only what RViz understands, and the view it opens with is upright.

RViz cannot be built where these tests run, and it ignores what it does not know without a word. So
the facts that the file relies on are written down here, read from the sources of RViz (branches
jazzy of 2024-09-26 and humble of 2024-08-22, which agree in all of them), in the files named beside
them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ruamel.yaml import YAML

from pear_ros.live.outputs import DEBUG, MARKERS
from pear_ros.messages.markers import NAMESPACES

ROOT = Path(__file__).parents[3]
FILE = ROOT / "rviz" / "pear.rviz"

BOOL, WHOLE, REAL, TEXT, VECTOR, COLOUR = "bool", "int", "float", "str", "vector", "colour"
Kind = str | tuple[str, ...] | Mapping[str, Any]

# rviz_common: properties/qos_profile_property.cpp; children of the topic's property. The topic's
# own value stands under "Value" (properties/property.cpp, load).
TOPIC: Kind = {
    "Value": TEXT,
    "Depth": WHOLE,
    "History Policy": ("System Default", "Keep Last", "Keep All"),
    "Reliability Policy": ("System Default", "Reliable", "Best Effort"),
    "Durability Policy": ("System Default", "Transient Local", "Volatile"),
}
# display.cpp, display_group.cpp
DISPLAY: dict[str, Kind] = {"Class": TEXT, "Name": TEXT, "Enabled": BOOL}
# view_controller.cpp, frame_position_tracking_view_controller.cpp and, of the default plugins,
# view_controllers/orbit/orbit_view_controller.cpp
ORBIT: dict[str, Kind] = {
    "Class": TEXT,
    "Name": TEXT,
    "Target Frame": TEXT,
    "Distance": REAL,
    "Focal Point": VECTOR,
    "Pitch": REAL,
    "Yaw": REAL,
    "Invert Z Axis": BOOL,
    "Near Clip Distance": REAL,
}
# rviz_default_plugins: displays/<...>_display.cpp; ros_topic_display.hpp of rviz_common
CLASSES: dict[str, dict[str, Kind]] = {
    "rviz_default_plugins/Grid": {
        **DISPLAY,
        "Reference Frame": TEXT,
        "Plane Cell Count": WHOLE,
        "Cell Size": REAL,
        "Alpha": REAL,
        "Plane": ("XY", "XZ", "YZ"),
        "Offset": VECTOR,
    },
    # displays/marker/marker_common.cpp: a namespace that is not named is shown
    "rviz_default_plugins/MarkerArray": {
        **DISPLAY,
        "Topic": TOPIC,
        "Namespaces": {name: BOOL for name, _ in NAMESPACES},
    },
    "rviz_default_plugins/TF": {
        **DISPLAY,
        "Show Names": BOOL,
        "Show Axes": BOOL,
        "Show Arrows": BOOL,
        "Marker Scale": REAL,
        "Frame Timeout": REAL,
    },
    # displays/image/image_transport_display.hpp: the last part of the topic's name is the transport
    "rviz_default_plugins/Image": {**DISPLAY, "Topic": TOPIC},
    # displays/pointcloud/point_cloud_common.cpp
    "rviz_default_plugins/DepthCloud": {
        **DISPLAY,
        "Depth Map Topic": TEXT,
        "Depth Map Transport Hint": TEXT,
        "Reliability Policy": ("System Default", "Reliable", "Best effort"),
        "Queue Size": WHOLE,
        "Style": ("Points", "Squares", "Flat Squares", "Spheres", "Boxes", "Tiles"),
        "Size (Pixels)": REAL,
        "Selectable": BOOL,
        "Alpha": REAL,
    },
    # tools/<...>.cpp; plugins_description.xml
    "rviz_default_plugins/MoveCamera": {"Class": TEXT},
    "rviz_default_plugins/Measure": {"Class": TEXT},
    "rviz_default_plugins/Orbit": ORBIT,
    # rviz_common: panel_factory.cpp
    "rviz_common/Displays": {"Class": TEXT, "Name": TEXT},
    "rviz_common/Views": {"Class": TEXT, "Name": TEXT},
}
# visualization_frame.cpp (load), visualization_manager.cpp, view_manager.cpp
OBJECT, OBJECTS = "one object with a Class", "a list of objects with a Class"
WHOLE_FILE: dict[str, Kind] = {
    "Panels": OBJECTS,
    "Visualization Manager": {
        "Class": TEXT,
        "Displays": OBJECTS,
        "Global Options": {"Background Color": COLOUR, "Fixed Frame": TEXT, "Frame Rate": WHOLE},
        "Tools": OBJECTS,
        "Views": {"Current": OBJECT, "Saved": OBJECTS},
    },
    "Window Geometry": {
        "Width": WHOLE,
        "Height": WHOLE,
        "Hide Left Dock": BOOL,
        "Hide Right Dock": BOOL,
    },
}
FIELD_OF_VIEW = np.pi / 4
"""Vertical, of the camera that renders: Ogre's own, which RViz leaves alone."""


@pytest.fixture(scope="module")
def content() -> Any:
    return YAML(typ="safe").load(FILE.read_text())


def faults(value: object, kind: Kind, where: str = "") -> list[str]:
    """What RViz would not take as it is meant."""
    if kind == OBJECTS:
        assert isinstance(value, list)
        return [f for i, v in enumerate(value) for f in faults(v, OBJECT, f"{where}[{i}]")]
    if kind == OBJECT:
        assert isinstance(value, dict)
        known = CLASSES.get(value["Class"])
        return [f"{where}: no {value['Class']}"] if known is None else faults(value, known, where)
    if isinstance(kind, Mapping):
        if not isinstance(value, dict):
            return [f"{where}: not a group"]
        inside = [
            f for k, v in value.items() if k in kind for f in faults(v, kind[k], f"{where}/{k}")
        ]
        return [f"{where}/{k}: not known" for k in value if k not in kind] + inside
    if isinstance(kind, tuple):
        return [] if value in kind else [f"{where}: {value!r} is none of {kind}"]
    return [] if _is(value, kind) else [f"{where}: {value!r} is no {kind}"]


def _is(value: object, kind: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == VECTOR:
        return isinstance(value, dict) and set(value) == set("XYZ") and all(
            _is(v, REAL) for v in value.values()
        )  # fmt: skip
    if kind == COLOUR:
        parts = str(value).split(";")
        return len(parts) == 3 and all(0 <= int(p) <= 255 for p in parts)
    return {
        BOOL: isinstance(value, bool),
        WHOLE: number and isinstance(value, int),
        REAL: number,
        TEXT: isinstance(value, str),
    }[kind]


def test_every_class_and_property_is_one_of_rviz(content: Any) -> None:
    assert faults(content, WHOLE_FILE) == []


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"Class": "rviz_default_plugins/Grid", "Plain": "XZ"}, OBJECT),
        ({"Class": "rviz_default_plugins/Grid", "Plane": "ZX"}, OBJECT),
        ({"Class": "rviz_default_plugins/Grid", "Offset": {"X": 0, "Y": 1}}, OBJECT),
        ({"Class": "rviz_default_plugins/PeopleDisplay"}, OBJECT),
        ({"Class": "rviz_default_plugins/Image", "Topic": {"Reliability Policy": "Best effort"}}, OBJECT),
        ({"Class": "rviz_default_plugins/TF", "Show Names": "yes"}, OBJECT),
    ],
)  # fmt: skip
def test_the_check_sees_what_is_wrong(wrong: dict[str, Any], kind: str) -> None:
    assert faults(wrong, kind)


def displays(content: Any, kind: str) -> list[dict[str, Any]]:
    return [
        display
        for display in content["Visualization Manager"]["Displays"]
        if display["Class"] == f"rviz_default_plugins/{kind}" and display["Enabled"]
    ]


def test_everything_is_shown_at_once(content: Any) -> None:
    (people,) = displays(content, "MarkerArray")
    assert people["Topic"]["Value"] == MARKERS
    assert people["Namespaces"] == {name: True for name, _ in NAMESPACES}
    (picture,) = displays(content, "Image")
    assert picture["Topic"]["Value"] == DEBUG and DEBUG.endswith("/compressed")
    (depth,) = displays(content, "DepthCloud")
    assert depth["Depth Map Topic"] == "depth"
    assert len(displays(content, "TF")) == len(displays(content, "Grid")) == 1


def test_no_reader_asks_for_more_than_is_offered(content: Any) -> None:
    # Markers and the picture are volatile: a reader that asks for transient local hears nothing.
    for display in (*displays(content, "MarkerArray"), *displays(content, "Image")):
        assert display["Topic"]["Durability Policy"] == "Volatile"


def test_docks_are_said_to_be_there(content: Any) -> None:
    # visualization_frame.cpp, loadWindowGeometry: what is not said is not initialised either
    assert {"Hide Left Dock", "Hide Right Dock"} <= set(content["Window Geometry"])


def test_the_fixed_frame_is_that_of_the_launch_file(content: Any) -> None:
    # Where both are the same, RViz shows messages without any TF (tf2, lookupTransformImpl).
    tree = ast.parse((ROOT / "launch" / "pear.launch.py").read_text())
    rows = {
        row[0]: row[1]
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "ARGUMENTS"
        for row in ast.literal_eval(node.value)
    }
    assert content["Visualization Manager"]["Global Options"]["Fixed Frame"] == rows["fixed_frame"]


def camera(view: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place (3,) and axes (3, 3: rows right, up, forward) of an Orbit view in the fixed frame.

    The eye stands on a sphere about the focal point, at longitude yaw and latitude pitch, and is
    turned about its line of sight until z points as far up as it can.
    """
    focus = np.array([view["Focal Point"][axis] for axis in "XYZ"], float)
    yaw, pitch = view["Yaw"], view["Pitch"]
    offset = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    forward = -offset
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return focus + view["Distance"] * offset, np.stack([right, np.cross(right, forward), forward])


def seen(view: Mapping[str, Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractions of half the window's height, right and up, of points (N, 3) in front of the eye."""
    eye, axes = camera(view)
    local = (points - eye) @ axes.T
    assert (local[:, 2] > 0).all()
    fractions: NDArray[np.float64] = local[:, :2] / (local[:, 2:] * np.tan(FIELD_OF_VIEW / 2))
    return fractions


def test_people_stand_upright_before_the_view_it_opens_with(content: Any) -> None:
    views = content["Visualization Manager"]["Views"]
    assert {**views["Saved"][0], "Name": "Current View"} == views["Current"]
    # Head and feet of somebody, and somebody to the right of them in the picture.
    head, feet, right = seen(views["Current"], np.array([[0, -0.5, 3], [0, 1.2, 3], [1.0, 0, 3]]))
    assert head[1] > feet[1] + 0.3 and abs(head[0]) < 0.01 and right[0] > 0.2
    # Between 1.5 m and eight metres in front of the camera nobody is cut off.
    many = np.array([[x, y, z] for x in (-1, 1) for y in (-0.6, 1.2) for z in (1.5, 4.0, 8.0)])
    assert np.abs(seen(views["Current"], many)).max() < 1.0


def test_the_other_views_are_upright_too(content: Any) -> None:
    above, world = content["Visualization Manager"]["Views"]["Saved"][1:]
    near, far = seen(above, np.array([[0, 0, 1.0], [0, 0, 5.0]]))
    assert far[1] > near[1] + 0.5  # away from the camera is up on the screen
    feet, head, left = seen(world, np.array([[2, 0, 0.0], [2, 0, 1.8], [2, 1.0, 1.0]]))
    assert head[1] > feet[1] + 0.3 and left[0] < -0.2
    assert camera(world)[0][2] > 0.5  # above the floor
