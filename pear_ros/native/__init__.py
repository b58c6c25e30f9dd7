"""Compiled steps of every picture, where this machine could compile them; None where it could not.

`kernels` does in one call what numpy does in dozens, whose price is in the number of calls and grows
with every pause between two pictures:

* `quaternions`, `axis_angles`: so3.quaternion and so3.axis_angle
* `place`: the search of perception/placing/place.py
* `smooth`: perception/smoothing/filters.py
* `sample`, `histograms`: perception/tracking/appearance.py
* `confidence`: perception/pipeline.py
* `axes`: messages/frames.py
* `spans`: perception/boxes.py
* `turned`: perception/placing/metric.py
* `matrices_of_6d`, `matrices_of_axis_angles`: engine/rotations.py
* `chain`, `skin`: engine/kinematics.py

The numpy code says the same at length, runs where there is no compiler, and is what the tests compare
the kernels with (tests/ros/native/).
"""

from __future__ import annotations

from types import ModuleType

REVISION = 2
"""Of what the kernels take and give; those of another one, left from an older tree, are not used."""

kernels: ModuleType | None
try:
    from pear_ros.native import _kernels as kernels
except ImportError:
    kernels = None
if kernels is not None and getattr(kernels, "REVISION", None) != REVISION:
    kernels = None
