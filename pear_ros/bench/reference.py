"""Eager torch in float32 on the same network, in a process of its own: the robot side has no torch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from pear_ros.bench.sampling import Block
from pear_ros.problems import PearError

PROGRAM = "pear_core.evaluate.eager"
WEIGHTS = "model.safetensors"


def why_not(bundle: Path) -> str:
    """Why there can be no reference for a bundle; empty where there can."""
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    if not (bundle / WEIGHTS).is_file():
        return f"the bundle has no {WEIGHTS}"
    return ""


class EagerTorch:
    """A torch process that times blocks of calls when asked to; use as a context manager.

    facts: version and threads of torch. Raises PearError if it does not start.
    """

    def __init__(self, bundle: Path, threads: int | None) -> None:
        words = [sys.executable, "-m", PROGRAM, str(bundle / WEIGHTS)]
        words += ["--threads", str(threads)] if threads else []
        source = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
        # Closed by `close`, with the process that writes into it.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        try:
            self.facts = self._answer()
        except PearError:
            self.close()
            raise

    def block(self, people: int) -> Block:
        """Calls of the network for so many people."""

        def run(seconds: float) -> list[float]:
            assert self._process.stdin is not None
            question = json.dumps({"people": people, "seconds": seconds})
            # That it ended is said below.
            with suppress(OSError):
                self._process.stdin.write(question + "\n")
                self._process.stdin.flush()
            return [float(value) for value in self._answer()["seconds"]]

        return run

    def __enter__(self) -> EagerTorch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise PearError(
                "the torch process ended",
                where=PROGRAM,
                expected="a line of JSON",
                found=line.strip() or self._last_complaint(),
            )
        return answer

    def _last_complaint(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=20)
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.poll()}"
