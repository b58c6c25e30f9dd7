"""The one table of the live side: every setting with default, range, unit and reason.

`Settings` is the table: each field carries what a ROS parameter descriptor, `config/pear.yaml`,
`docs/parameters.md` and the options of `pear live` need. A value of it is frozen; a change makes a
new one, and the worker takes the newest once per frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

from pear_ros.problems import PearError

Value = bool | int | float | str
LEAST_STATURE = 0.8
"""Metres; the body model knows nobody smaller."""


@dataclass(frozen=True)
class Parameter:
    """One row of the table.

    low, high: inclusive range of a number. choices: the texts that are allowed. dynamic: may change
    while the node runs; the others are read when it is configured.
    """

    name: str
    default: Value
    why: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    dynamic: bool = True

    @property
    def kind(self) -> type:
        return type(self.default)

    def checked(self, value: object) -> Value:
        """The value in the parameter's type. Raises PearError for another type or out of range."""
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.kind or not isinstance(value, (bool, int, float, str)):
            raise self._refusal(f"a {self.kind.__name__}", f"{type(value).__name__} {value!r}")
        if self.choices and value not in self.choices:
            raise self._refusal(" or ".join(self.choices), repr(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            if not low <= value <= high:
                raise self._refusal(f"{self.low} to {self.high} {self.unit}".strip(), repr(value))
        return value

    def _refusal(self, expected: str, found: str) -> PearError:
        return PearError("setting refused", where=self.name, expected=expected, found=found)


def _row(
    default: Value,
    why: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: tuple[str, ...] = (),
    unit: str = "",
    dynamic: bool = True,
) -> Any:
    about = {"why": why, "low": low, "high": high, "choices": choices, "unit": unit}
    return field(default=default, metadata=about | {"dynamic": dynamic})


@dataclass(frozen=True)
class Settings:
    """Everything a user may choose; see `TABLE` for ranges and reasons."""

    # What runs.
    model: str = _row(
        "pear_vit_ti", "Name of an installed model bundle, or the path of a bundle folder.",
        dynamic=False,
    )  # fmt: skip
    engine: str = _row(
        "auto", "What runs the network; auto takes the fastest that is installed and correct.",
        choices=(
            "auto", "tensorrt", "onnxruntime_cuda", "onnxruntime_tensorrt", "openvino",
            "onnxruntime",
        ),
        dynamic=False,
    )  # fmt: skip
    precision: str = _row(
        "auto", "Of the network; auto is the fastest that keeps the parity limits of the model.",
        choices=("auto", "f32", "f16", "bf16", "int8", "w8"), dynamic=False,
    )  # fmt: skip
    threads: int = _row(0, "CPU threads of the engine; 0 is the engine's choice.", 0, 256,
                        dynamic=False)  # fmt: skip
    share_engine: bool = _row(
        True, "Nodes of one process that want the same engine share it.", dynamic=False
    )
    detector: str = _row(
        "auto", "Finds people: auto or builtin, thorough, whole (one person fills the picture), "
        "topic (boxes from `detections`), or the path of an ONNX detector.", dynamic=False,
    )  # fmt: skip

    # What comes in.
    image_transport: str = _row(
        "auto", "Whether `image` is sensor_msgs/Image (raw) or CompressedImage; auto looks at the "
        "publishers, then at the name.", choices=("auto", "raw", "compressed"), dynamic=False,
    )  # fmt: skip
    use_depth: bool = _row(
        False, "Subscribe to `depth`, a depth image aligned to `image`.", dynamic=False
    )
    sync_slop: float = _row(
        0.02, "How far the stamp of a depth image may be from the picture's.", 0.0, 1.0, unit="s"
    )
    sync_wait: float = _row(
        0.02, "How long a picture waits for its depth image, detections or transform.", 0.0, 0.5,
        unit="s",
    )  # fmt: skip
    rectified: bool = _row(
        False, "The picture is the rectified one: CameraInfo's P counts instead of K."
    )
    reference_frame: str = _row(
        "", "A gravity-aligned frame (odom, map) in which people are filtered and stand upright; "
        "empty: the camera's own.",
    )  # fmt: skip
    detection_score: float = _row(0.3, "Least score of a box from `detections`.", 0.0, 1.0)
    detection_class: str = _row(
        "person,0",
        "Classes of the boxes from `detections` that are people, by name or number; empty "
        "takes every box.",
    )

    # Who is who.
    max_people: int = _row(8, "Largest boxes first, more are left out and counted.", 1, 32)
    prediction_timeout: float = _row(
        1.2, "How long a person who is not found stays, as PREDICTED, before the id ends.",
        0.0, 10.0, unit="s",
    )  # fmt: skip
    search_period: float = _row(
        0.0, "Least time between searches of the whole picture while everybody is well; 0 is the "
        "detector's own choice.", 0.0, 10.0, unit="s",
    )  # fmt: skip

    # Where and how they move.
    stature: float = _row(
        0.0, "Known height of everybody, for places without depth; 0: unknown.", 0.0, 2.4, unit="m"
    )
    smoothing: bool = _row(True, "Filter poses, shapes and places over time; raw stays beside.")

    smoothing_cutoff: float = _row(
        1.5, "Of a joint that rests; lower is calmer and later.", 0.05, 100.0, unit="Hz"
    )
    smoothing_response: float = _row(
        0.6, "Growth of the cutoff with speed; higher lets fast motion through.", 0.0, 20.0,
        unit="Hz per rad/s",
    )  # fmt: skip
    smoothing_lead: float = _row(
        0.6, "Part of the velocity that is believed ahead of the picture; takes lag away.", 0.0, 1.0
    )
    smoothing_torso: float = _row(0.8, "Factor on the cutoffs of spine, neck and head.", 0.05, 20.0)
    smoothing_hands: float = _row(0.8, "Factor on the cutoffs of the fingers.", 0.05, 20.0)
    smoothing_face: float = _row(3.0, "Factor on the cutoffs of jaw, eyes and lids.", 0.05, 20.0)

    # What goes out.
    publish_tf: bool = _row(True, "TF frames body_<id>, face_<id>, gaze_<id>.")
    publish_joint_tf: bool = _row(False, "TF frames of all joints of everybody.")
    rep155: bool = _row(True, "The topics of REP-155 under humans/.")
    id_prefix: str = _row(
        "",
        "In front of REP-155 ids and TF frames, so that cameras of one graph do not clash; letters, "
        "digits and underscores.",
        dynamic=False,
    )
    marker_mesh: str = _row(
        "lod", "Mesh in the markers: none, lod (2,000 faces) or full.",
        choices=("none", "lod", "full"),
    )  # fmt: skip
    marker_skeleton: bool = _row(True, "Skeleton in the markers.")
    marker_labels: bool = _row(True, "Id, state and distance in the markers.")
    marker_gaze: bool = _row(True, "Gaze arrows in the markers.")
    debug_rate: float = _row(
        10.0, "At most so many debug images per second.", 0.1, 120.0, unit="Hz"
    )
    jpeg_quality: int = _row(80, "Of debug images.", 1, 100)

    # How it is watched.
    diagnostics_period: float = _row(
        1.0, "Between diagnostics and between heartbeats.", 0.1, 60.0, unit="s", dynamic=False
    )
    silence: float = _row(
        2.0, "Without a picture for so long, diagnostics say STALE; so long they tell of a fault.",
        0.1, 3600.0, unit="s",
    )  # fmt: skip
    snapshot_folder: str = _row("pear_snapshots", "Where the service ~/save_snapshot writes.")

    def __post_init__(self) -> None:
        if 0.0 < self.stature < LEAST_STATURE:
            raise PearError(
                "setting refused",
                where="stature",
                expected=f"0, or {LEAST_STATURE} m and more",
                found=repr(self.stature),
            )

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Settings:
        """Checked settings. Raises PearError for unknown names and values that are refused."""
        return cls().changed(values)

    def changed(self, values: Mapping[str, object]) -> Settings:
        """These settings with some replaced; all checks as in `of`."""
        unknown = sorted(set(values) - set(BY_NAME))
        if unknown:
            raise PearError("unknown setting", where=", ".join(unknown))
        checked: dict[str, Any] = {n: BY_NAME[n].checked(value) for n, value in values.items()}
        return replace(self, **checked)


TABLE: tuple[Parameter, ...] = tuple(
    Parameter(f.name, cast(Value, f.default), **f.metadata) for f in fields(Settings)
)
BY_NAME: dict[str, Parameter] = {row.name: row for row in TABLE}


def as_yaml(node: str = "/**") -> str:
    """`config/pear.yaml`: every setting with its default, and why it is there."""
    lines = [f"{node}:", "  ros__parameters:"]
    for row in TABLE:
        lines.append(f"    # {row.why}{_limits(row)}")
        lines.append(f"    {row.name}: {_yaml(row.default)}")
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """`docs/parameters.md`: the table."""
    lines = [
        "# Parameters",
        "",
        "Of `mesh_recovery_node`, and as `--set NAME=VALUE` of `pear live`. Written from the table in "
        "`pear_ros/live/settings.py` by `tools/write_parameters.py`.",
        "",
        "| name | type | default | range | while running | what for |",
        "|---|---|---|---|---|---|",
    ]
    for row in TABLE:
        limits = _limits(row).strip(" ()") or "any"
        default = _yaml(row.default)
        changes = "yes" if row.dynamic else "no"
        lines.append(
            f"| `{row.name}` | {row.kind.__name__} | `{default}` | {limits} | {changes} | {row.why} |"
        )
    return "\n".join(lines) + "\n"


def _limits(row: Parameter) -> str:
    if row.choices:
        return f" ({', '.join(row.choices)})"
    if row.low is None:
        return ""
    return f" ({row.low:g} to {row.high:g} {row.unit}".rstrip() + ")"


def _yaml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)
