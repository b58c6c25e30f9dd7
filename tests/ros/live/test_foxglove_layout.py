"""config/foxglove_layout.json has only settings that there are, and its view is upright.

Foxglove itself is closed; the facts written down here were read from Lichtblick (1.10.8, 2025-03-21), which
began as Foxglove's last open version and reads the same files. Paths are below
packages/suite-base/src. What Foxglove has changed since then is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pear_ros.messages.markers import NAMESPACES

FILE = Path(__file__).parents[3] / "config" / "foxglove_layout.json"
BOOL, NUMBER, TEXT, THREE, FOUR, TEXTS = "bool", "number", "text", "3 numbers", "4 numbers", "texts"
Kind = str | tuple[str, ...] | list[Any] | Mapping[str, Any]

# panels/ThreeDeeRender/IRenderer.ts, camera.ts, renderables/{Grids,TopicMarkers}.ts
SCENE: dict[str, Kind] = {
    "cameraState": {
        "distance": NUMBER,
        "perspective": BOOL,
        "phi": NUMBER,
        "thetaOffset": NUMBER,
        "fovy": NUMBER,
        "targetOffset": THREE,
        "target": THREE,
        "targetOrientation": FOUR,
        "near": NUMBER,
        "far": NUMBER,
    },
    "followMode": ("follow-pose", "follow-position", "follow-none"),
    "followTf": TEXT,
    "scene": {"transforms": {"showLabel": BOOL, "axisScale": NUMBER}},
    "topics": {
        "/markers": {"visible": BOOL, "namespaces": {n: {"visible": BOOL} for n, _ in NAMESPACES}}
    },
    "layers": {
        "grid": {
            "instanceId": TEXT,
            "layerId": ("foxglove.Grid",),
            "label": TEXT,
            "visible": BOOL,
            "frameLocked": BOOL,
            "size": NUMBER,
            "divisions": NUMBER,
            "position": THREE,
            "rotation": THREE,
        }
    },
}
PANELS: dict[str, dict[str, Kind]] = {
    "3D": SCENE,
    "Image": {"imageMode": {"imageTopic": TEXT}},
    # panels/diagnostics/util.ts
    "DiagnosticSummary": {
        "topicToRender": TEXT,
        "minLevel": NUMBER,
        "pinnedIds": TEXTS,
        "hardwareIdFilter": TEXT,
        "sortByLevel": BOOL,
    },
    # panels/Plot/utils/config.ts; "foxglovePanelTitle" is the title of any panel (util/layout.ts)
    "Plot": {
        "foxglovePanelTitle": TEXT,
        "paths": [
            {"value": TEXT, "enabled": BOOL, "timestampMethod": ("receiveTime", "headerStamp")}
        ],
        "showXAxisLabels": BOOL,
        "showYAxisLabels": BOOL,
        "showLegend": BOOL,
        "xAxisVal": ("timestamp", "index", "custom", "currentCustom"),
    },
    # panels/RawMessages/types.ts
    "RawMessages": {"topicPath": TEXT, "diffEnabled": BOOL},
}
# context/CurrentLayoutContext/actions.ts
FILE_KEYS = {"configById", "layout", "globalVariables", "userNodes", "playbackConfig"}


@pytest.fixture(scope="module")
def layout() -> Any:
    return json.loads(FILE.read_text())


def faults(value: Any, kind: Any, where: str) -> list[str]:
    """What would be ignored or misread."""
    if isinstance(kind, Mapping):
        unknown = [f"{where}.{k}" for k in value if k not in kind]
        return unknown + [
            f for k in value if k in kind for f in faults(value[k], kind[k], f"{where}.{k}")
        ]
    if isinstance(kind, list):
        return [f for i, v in enumerate(value) for f in faults(v, kind[0], f"{where}[{i}]")]
    if isinstance(kind, tuple):
        return [] if value in kind else [where]
    return [] if _is(value, kind) else [where]


def _is(value: Any, kind: str) -> bool:
    def number(v: Any) -> bool:
        return isinstance(v, int | float) and not isinstance(v, bool)

    if kind in (THREE, FOUR):
        return len(value) == (3 if kind == THREE else 4) and all(map(number, value))
    if kind == TEXTS:
        return all(isinstance(v, str) for v in value)
    return {BOOL: isinstance(value, bool), NUMBER: number(value), TEXT: isinstance(value, str)}[
        kind
    ]


def test_every_setting_is_one_of_the_panels(layout: Any) -> None:
    assert set(layout) == FILE_KEYS
    wrong = []
    for name, settings in layout["configById"].items():
        kind, _, instance = name.partition("!")
        assert instance
        wrong += faults(settings, PANELS[kind], name)
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("Image", {"cameraTopic": "/image"}),
        ("3D", {"followMode": "pose"}),
        ("3D", {"cameraState": {"targetOffset": [0, 0]}}),
        ("Plot", {"paths": [{"value": 3}]}),
    ],
)
def test_the_check_sees_what_is_wrong(kind: str, wrong: Any) -> None:
    assert faults(wrong, PANELS[kind], kind)


def eye(state: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place (3,) and axes (3, 3: rows right, up, forward) of the eye in the frame that is followed.

    renderables/CameraStateSettings.ts: phi is the angle from the z axis, thetaOffset turns about
    it (clockwise), and at 0, 0 the eye looks down along z with y up.
    """
    phi, theta = np.deg2rad([state["phi"], -state["thetaOffset"]])
    tip = np.array([[1, 0, 0], [0, np.cos(phi), -np.sin(phi)], [0, np.sin(phi), np.cos(phi)]])
    turn = np.array(
        [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]]
    )
    right, up, back = (turn @ tip).T
    return np.array(state["targetOffset"]) + state["distance"] * back, np.stack([right, up, -back])


def test_people_stand_upright_before_it(layout: Any) -> None:
    state = layout["configById"]["3D!people"]["cameraState"]
    place, axes = eye(state)
    points = np.array([[0, -0.5, 3], [0, 1.2, 3], [1.0, 0, 3]])
    local = (points - place) @ axes.T
    assert (local[:, 2] > state["near"]).all() and (local[:, 2] < state["far"]).all()
    head, feet, beside = local[:, :2] / (local[:, 2:] * np.tan(np.deg2rad(state["fovy"]) / 2))
    assert head[1] > feet[1] + 0.3 and beside[0] > 0.2
    assert np.abs([head, feet, beside]).max() < 1.0
    assert place[2] < 0 and place[1] < 0  # behind the camera and above it


def test_the_floor_lies_under_the_camera(layout: Any) -> None:
    grid = layout["configById"]["3D!people"]["layers"]["grid"]
    # A grid lies in its own xy plane; a quarter turn about x puts it across y, which points down.
    assert grid["rotation"] == [90, 0, 0] and grid["position"][1] > 0


def test_all_that_is_drawn_is_shown(layout: Any) -> None:
    shown = layout["configById"]["3D!people"]["topics"]["/markers"]["namespaces"]
    assert shown == {name: {"visible": True} for name, _ in NAMESPACES}


def test_what_is_plotted_is_in_the_message(layout: Any) -> None:
    definitions = FILE.parents[1] / "msg"
    fields = {
        name: {
            line.split()[1]
            for line in text.splitlines()
            if len(line.split()) > 1 and line[0] != "#"
        }
        for name in ("HumanArray", "Human")
        for text in [(definitions / f"{name}.msg").read_text()]
    }
    paths = [
        path["value"] for panel in layout["configById"].values() for path in panel.get("paths", [])
    ]
    assert paths
    for path in paths:
        topic, first, *rest = (part.split("[")[0] for part in path.split("."))
        assert topic == "/humans" and first in fields["HumanArray"]
        assert set(rest) <= fields["Human"] and bool(rest) == (first == "humans")
