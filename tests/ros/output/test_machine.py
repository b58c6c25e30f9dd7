"""Versions and machine facts against their sources."""

from __future__ import annotations

import os
import platform
import re

import numpy as np

from pear_ros import __version__
from pear_ros.output.machine import machine, versions


def test_versions_are_those_that_run() -> None:
    found = versions()
    assert found["pear"] == __version__
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()


def test_machine_is_described() -> None:
    found = machine()
    assert 1 <= int(found["cores"]) <= (os.cpu_count() or 1)
    assert found["processor"]
    assert re.fullmatch(r"\d+ GiB", found["memory"])
