"""`pear evaluate`: a recorded bag of people against the truth in the same or another bag."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path

from pear_ros.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", metavar="HUMANS", help="bag with HumanArray messages")
    parser.add_argument(
        "--humans", default="/humans", metavar="TOPIC", help="people found (default %(default)s)"
    )
    parser.add_argument(
        "--truth", required=True, metavar="TOPIC", help="HumanArray topic with the truth"
    )
    parser.add_argument(
        "--truth-bag", metavar="BAG", help="where the truth lies (default: the same bag)"
    )
    parser.add_argument("--out", metavar="FILE.json", help="also write the errors here")
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print errors; pictures that have truth but no answer (dropped ones) are counted apart."""
    import json

    from pear_ros.cli.outcome import Outcome
    from pear_ros.cli.replay_report import error_text, read_truth
    from pear_ros.output.atomic import write_bytes
    from pear_ros.problems import PearError, Problems
    from pear_ros.replay.truth import compare

    truth = read_truth(arguments.truth_bag or arguments.bag, arguments.truth)
    found = read_truth(arguments.bag, arguments.humans)
    answered = {stamp: people for stamp, people in truth.items() if stamp in found}
    if not answered:
        raise PearError(
            "no picture has both truth and an answer",
            where=arguments.bag,
            expected="the same stamps on both topics",
            found=f"{len(truth)} stamps of truth, {len(found)} of people",
        )
    errors = compare(answered, {stamp: found[stamp] for stamp in answered})
    outcome = Outcome("evaluate", Problems())
    outcome.lines += [
        f"{len(answered)} of {len(truth)} pictures answered",
        f"{arguments.humans} against {arguments.truth}: {error_text(errors)}, "
        f"{errors.id_switches} id switches, position {errors.position_mm:.0f} mm",
    ]
    known = {name: None if math.isnan(v) else v for name, v in asdict(errors).items()}
    outcome.facts = {"pictures": len(truth), "answered": len(answered), "errors_against_truth": known}
    if arguments.out:
        text = json.dumps(outcome.facts, indent=1) + "\n"
        write_bytes(arguments.out, text.encode())
        outcome.files.append(Path(arguments.out))
    return outcome.finish(arguments)
