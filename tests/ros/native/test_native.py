"""Whether this tree was installed with its kernels."""

from __future__ import annotations

import importlib
import shutil
from unittest.mock import patch

import pytest

from pear_ros import native


def test_kernels_are_there_where_a_compiler_is() -> None:
    """`pip install -e .` makes them; a compiler that came later needs another one."""
    assert native.kernels is not None or shutil.which("cc") is None


def test_kernels_left_from_an_older_tree_are_not_used() -> None:
    if native.kernels is None:
        pytest.skip("the kernels are not compiled here")
    with patch.object(native.kernels, "REVISION", native.REVISION - 1):
        assert importlib.reload(native).kernels is None
    assert importlib.reload(native).kernels is not None
