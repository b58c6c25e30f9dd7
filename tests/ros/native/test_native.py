"""Whether this tree was installed with its kernels."""

from __future__ import annotations

import shutil

from pear_ros import native


def test_kernels_are_there_where_a_compiler_is() -> None:
    """`pip install -e .` makes them; a compiler that came later needs another one."""
    assert native.kernels is not None or shutil.which("cc") is None
