"""Progress bars."""

from __future__ import annotations

import io
import sys

import pytest

from pear_ros.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "shown"),
    [(io.StringIO(), False, False), (Terminal(), True, False), (Terminal(), False, True)],
)
def test_only_people_see_it(monkeypatch, stream: io.StringIO, quiet: bool, shown: bool) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress("frames", quiet) as done:
        done(1, None)
        done(3, 4)
    assert ("3/4" in stream.getvalue()) == shown
