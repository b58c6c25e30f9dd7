"""The table of settings as ROS parameters: descriptors, values, checked changes."""

from __future__ import annotations

from collections.abc import Sequence

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterType,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from pear_ros.live.settings import BY_NAME, TABLE, Parameter, Settings
from pear_ros.problems import PearError

_TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
}


def descriptor(row: Parameter) -> ParameterDescriptor:
    """One row of the table for `ros2 param describe` and rqt."""
    unit = f" [{row.unit}]" if row.unit else ""
    result = ParameterDescriptor(
        name=row.name,
        type=_TYPES[row.kind],
        description=row.why + unit,
        additional_constraints=" | ".join(row.choices),
    )
    if row.low is not None and row.high is not None:
        if row.kind is int:
            whole = IntegerRange(from_value=int(row.low), to_value=int(row.high), step=0)
            result.integer_range = [whole]
        else:
            real = FloatingPointRange(from_value=float(row.low), to_value=float(row.high), step=0.0)
            result.floating_point_range = [real]
    return result


def declare(node: Node) -> None:
    """Declare every setting; what the command line and YAML files say is taken over."""
    for row in TABLE:
        node.declare_parameter(row.name, row.default, descriptor(row))


def current(node: Node) -> Settings:
    """The settings as they are now. Raises PearError for a value that is out of range."""
    return Settings.of({row.name: node.get_parameter(row.name).value for row in TABLE})


def judged(
    settings: Settings, parameters: Sequence[RosParameter], configured: bool
) -> tuple[SetParametersResult, Settings]:
    """Whether a change is taken, and the settings after it.

    Parameters that are not ours (use_sim_time, qos_overrides) pass. configured: static settings are
    in use and may not change.
    """
    ours = {p.name: p.value for p in parameters if p.name in BY_NAME}
    try:
        changed = settings.changed(ours)
    except PearError as error:
        return SetParametersResult(successful=False, reason=str(error)), settings
    fixed = [
        name
        for name in ours
        if not BY_NAME[name].dynamic and getattr(changed, name) != getattr(settings, name)
    ]
    if fixed and configured:
        reason = f"{', '.join(fixed)}: read when the node is configured; clean it up first"
        return SetParametersResult(successful=False, reason=reason), settings
    return SetParametersResult(successful=True), changed
