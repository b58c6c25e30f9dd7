"""`pear bench`: how fast a model runs here, and how fast it could."""

from __future__ import annotations

import argparse

from pear_ros.cli import options

_WHAT = ("network", "regressor", "mesh", "pipeline", "replay")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--what",
        type=_targets,
        default=_WHAT,
        metavar="TARGET,...",
        help=f"what to measure, of {','.join(_WHAT)} (default: all)",
    )
    parser.add_argument(
        "--people",
        type=_people,
        default=(1, 2, 4, 8),
        metavar="N,...",
        help="people per call, 1 to 16 (default 1,2,4,8)",
    )
    parser.add_argument(
        "--seconds",
        type=options.positive,
        default=2.0,
        metavar="S",
        help="per row, after the warm-up (default %(default)g)",
    )
    parser.add_argument(
        "--no-reference", action="store_true", help="do not measure eager torch beside the network"
    )
    parser.add_argument("--out", metavar="FILE.json", help="write the result")
    parser.add_argument("--plot", metavar="FILE.svg|FILE.png", help="draw the result")
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A.json", "B.json"),
        help="measure nothing; compare two results",
    )
    options.add_model(parser)
    parser.add_argument("--json", action="store_true", help="the result on standard output")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress")
    parser.set_defaults(strict=False)


def run(arguments: argparse.Namespace) -> int:
    """Measure one engine, or compare two results."""
    return _compare(arguments) if arguments.compare else _measure(arguments)


def _measure(arguments: argparse.Namespace) -> int:
    import json
    from pathlib import Path

    from pear_ros.assets import model_dir
    from pear_ros.bench.plot import write_plot
    from pear_ros.bench.record import as_object
    from pear_ros.bench.run import Settings, label, run
    from pear_ros.bench.table import table
    from pear_ros.cli.outcome import Outcome
    from pear_ros.cli.progress import progress
    from pear_ros.engine import open_engine
    from pear_ros.output.atomic import write_bytes
    from pear_ros.problems import Problems

    bundle = model_dir(arguments.model)
    engine = open_engine(bundle, arguments.engine, arguments.precision, arguments.threads)
    settings = Settings(
        what=arguments.what,
        people=arguments.people,
        seconds=arguments.seconds,
        threads=arguments.threads,
        detector=arguments.boxes or arguments.detector,
        reference=not arguments.no_reference,
    )
    with progress("rows", arguments.quiet) as done:
        result = run({label(engine): (engine, bundle)}, settings, done)
    content = as_object(result)
    outcome = Outcome("bench", Problems(), facts={"bench": content})
    outcome.lines = [f"{result.model['model']}, milliseconds per call", table(result)]
    outcome.lines += [f"note: {note}" for note in result.notes]
    if arguments.out:
        write_bytes(arguments.out, (json.dumps(content, indent=1) + "\n").encode())
        outcome.files.append(Path(arguments.out))
    if arguments.plot:
        write_plot(arguments.plot, result)
        outcome.files.append(Path(arguments.plot))
    return outcome.finish(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from pear_ros.bench.compare import compare, differences, table
    from pear_ros.bench.record import read
    from pear_ros.cli.outcome import Outcome
    from pear_ros.problems import Problems

    first, second = (read(path) for path in arguments.compare)
    rows = compare(first, second)
    apart = differences(first, second)
    listed = [asdict(row) | {"verdict": row.verdict} for row in rows]
    outcome = Outcome("bench", Problems(), facts={"compared": listed, "differences": apart})
    outcome.lines = [f"A {arguments.compare[0]}, B {arguments.compare[1]}", table(rows)]
    outcome.lines += [f"note: {line}" for line in apart]
    return outcome.finish(arguments)


def _targets(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(text.split(",")))
    unknown = [word for word in words if word not in _WHAT]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"expected some of {','.join(_WHAT)}, found {unknown[0]!r}"
        )
    return words


def _people(text: str) -> tuple[int, ...]:
    counts = tuple(dict.fromkeys(options.positive_int(word) for word in text.split(",")))
    if max(counts) > 16:
        raise argparse.ArgumentTypeError(f"expected 1 to 16 people, found {max(counts)}")
    return counts
