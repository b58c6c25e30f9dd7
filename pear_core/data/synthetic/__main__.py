"""`python -m pear_core.data.synthetic --out FOLDER --seed S --count N`: renders people into shards.

Resumes: shards that exist are kept. Several processes may share a folder (--part I/N).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import Progress

from pear_core.body.fingerprint import body_fingerprint
from pear_core.data.shards import write_shard
from pear_core.data.synthetic.studio import Studio

CHUNK = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Renders what is missing of `count` records; prints the rate."""
    parser = argparse.ArgumentParser(prog="python -m pear_core.data.synthetic", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--shard", type=int, default=1000, help="records per shard")
    parser.add_argument(
        "--part", default="0/1", help="I/N: this process renders every N-th shard from I"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    part, parts = (int(n) for n in options.part.split("/"))
    names = {
        i: options.out / f"seed{options.seed}-{i:05d}"
        for i in range(-(-options.count // options.shard))
    }
    missing = [i for i in names if i % parts == part and not names[i].exists()]
    studio, fingerprint = Studio(options.body, options.seed), body_fingerprint(options.body)
    start, done = time.monotonic(), 0
    with Progress(transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("rendering", total=len(missing) * options.shard)
        for shard in missing:
            first = shard * options.shard
            last = min(first + options.shard, options.count)
            records = []
            for chunk in range(first, last, CHUNK):
                records += studio.batch(range(chunk, min(chunk + CHUNK, last)))
                progress.update(task, completed=done + len(records))
            write_shard(names[shard], records, fingerprint)
            done += len(records)
    seconds = time.monotonic() - start
    print(
        f"{done} records in {seconds:.0f} s "
        f"({done / max(seconds, 1e-9):.1f} per second) -> {options.out}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
