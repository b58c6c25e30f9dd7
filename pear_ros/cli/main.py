"""The `pear` command: finds the sub-command, imports only that, and turns failures into one clear
line.

Each sub-command is a module here with `add_arguments(parser)` and `run(arguments) -> int`;
importing one must be cheap, what is heavy is imported inside `run`. Exit code: 0 done, 1 failed, 2
wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pear_ros import __version__
from pear_ros.problems import PearError

COMMANDS: dict[str, str] = {
    "image": "people in pictures: overlay, parameters, meshes",
    "video": "people in a video: overlay video, parameters",
    "live": "people in front of a camera now: from this machine, or from a ROS 2 graph over DDS",
    "replay": "a bag of camera pictures in, a bag of humans out",
    "evaluate": "a recorded bag of people against the truth: errors, identities",
    "doctor": "what is installed and usable here, and the known traps",
    "bag": "make a bag from pictures or a video",
    "demo": "the whole way on the pictures that come with pear, or on your video",
    "bench": "how fast a model runs here, and how fast it could; or two results compared",
    "models": "what is installed, with hashes",
    "assets": "import licensed model files, or list what is there and what is missing",
    "motion": "recorded people to and from AMASS, glTF, BVH and results of other networks",
    "export": "a trained checkpoint to the graphs that engines run (needs torch)",
    "convert": "a published, ViTPose or HMR2 checkpoint to our format, and back (needs torch)",
}
OK, FAILED, USAGE = 0, 1, 2


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"pear: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (argparse itself exits for --help and wrong
    usage).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = build_parser(words).parse_args(words)
        return int(arguments.run(arguments))
    except PearError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        if "PEAR_DEBUG" in os.environ:
            raise
        return _fail(f"this needs the Python package {error.name}, which is not installed")
    except Exception as error:
        if "PEAR_DEBUG" in os.environ:
            raise
        return _fail(f"unexpected {type(error).__name__}: {error} (PEAR_DEBUG=1 shows where)")


def build_parser(words: Sequence[str]) -> Parser:
    """The parser for a command line; only the sub-command that is named gets its options (and is
    imported).
    """
    parser = Parser(prog="pear", description="Expressive human meshes from a robot's camera.")
    parser.add_argument("--version", action="version", version=f"pear {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    named = next((word for word in words if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == named:
            module = importlib.import_module(f"pear_ros.cli.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _fail(message: str, code: int = FAILED) -> int:
    print("pear: error: " + " ".join(message.split()), file=sys.stderr)
    return code
