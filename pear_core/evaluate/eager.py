"""Eager torch in float32 as a stop-watch: the speed that exported graphs are compared with.

    python -m pear_core.evaluate.eager model.safetensors [--threads N]

Reads lines {"people": N, "seconds": S} and answers each with {"seconds": [of every call]}; the first
line it writes says which torch this is. Ends with its input. `pear bench` asks in turns, so that the
two are measured side by side without sharing a process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import torch

from pear_core.layout import CROP_SIZE, STRIP_WIDTH
from pear_core.model import checkpoint
from pear_core.model.regressor import Regressor


def timed(call: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each of repeated calls, at least one, for about so long."""
    durations: list[float] = []
    begin = last = time.perf_counter()
    while not durations or last - begin < seconds:
        call()
        now = time.perf_counter()
        durations.append(now - last)
        last = now
    return durations


def serve(model: Regressor, questions: TextIO, answers: TextIO) -> None:
    """Answer until the input ends. Raises ValueError for a line that is no question."""
    crops: dict[int, torch.Tensor] = {}
    for line in questions:
        question: dict[str, Any] = json.loads(line)
        people, seconds = int(question["people"]), float(question["seconds"])
        if people not in crops:
            crops[people] = torch.rand(people, 3, CROP_SIZE, STRIP_WIDTH)
        batch = crops[people]
        with torch.inference_mode():
            durations = timed(lambda batch=batch: model(batch), seconds)  # type: ignore[misc]
        print(json.dumps({"seconds": durations}), file=answers, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args(argv)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    model, _ = checkpoint.load(arguments.checkpoint)
    model.eval()
    facts = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps(facts), flush=True)
    serve(model, sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
