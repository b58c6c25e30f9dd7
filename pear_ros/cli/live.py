"""`pear live`: people in front of a camera, now; from this machine or out of a ROS 2 graph."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pear_ros.cli import options
from pear_ros.problems import PearError

if TYPE_CHECKING:
    from pear_ros.live.graph import Graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("pictures (one of these, or the graph's topics with --dds)")
    where.add_argument("input", nargs="?", metavar="VIDEO|BAG", help="played at its own pace")
    where.add_argument("--camera", type=options.not_negative_int, metavar="N", help="camera N")
    where.add_argument(
        "--rate", type=options.positive, default=1.0, metavar="R", help="speed of playing (1)"
    )
    where.add_argument("--loop", action="store_true", help="play again and again")
    where.add_argument("--topic", metavar="NAME", help="picture topic of a bag")
    where.add_argument(
        "--calibration", metavar="FX,FY,CX,CY", type=options.camera,
        help="of a camera or video; without it a field of view is assumed",
    )  # fmt: skip
    graph = parser.add_argument_group("ROS 2 graph, without ROS installed")
    graph.add_argument(
        "--dds", action="store_true", help="join the graph over DDS (pip install 'pear-ros[dds]')"
    )
    graph.add_argument("--domain", type=options.not_negative_int, metavar="ID",
                       help="default: $ROS_DOMAIN_ID or 0")  # fmt: skip
    graph.add_argument("--namespace", default="", metavar="NS", help="of all relative topics")
    graph.add_argument(
        "--remap", action="append", default=[], metavar="FROM:=TO",
        help="for example image:=/camera/image_raw (may be given again)",
    )  # fmt: skip
    run = parser.add_argument_group("running")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="chosen",
        help="a setting of docs/parameters.md (may be given again)",
    )  # fmt: skip
    run.add_argument("--duration", type=options.positive, metavar="S", help="end after S seconds")
    run.add_argument("--overlay", metavar="OUT.mp4", help="also write what is seen as a video")
    run.add_argument("--json", action="store_true", help="one JSON object per second, not a line")
    run.add_argument("--quiet", "-q", action="store_true", help="no status line")


def run(arguments: argparse.Namespace) -> int:
    """Run until the pictures end, the time is over or Ctrl-C."""
    import signal
    import threading
    import time

    from pear_ros.assets import model_dir
    from pear_ros.cli.status_line import StatusLine
    from pear_ros.engine import open_engine
    from pear_ros.live.application import Application
    from pear_ros.live.pipelines import open_live_detector

    settings = chosen_settings(arguments.chosen)
    check_inputs(arguments)
    graph = _graph(arguments)
    over, reasons = threading.Event(), [""]

    def ended(reason: str) -> None:
        reasons[0] = reason
        over.set()

    engine = open_engine(
        model_dir(settings.model), settings.engine, settings.precision, settings.threads or None
    )
    recorder = _overlay(arguments, engine)
    application = Application(
        graph,
        engine,
        open_live_detector(settings),
        settings,
        source=_source(arguments, ended),
        failed=ended,
        observe=recorder,
    )
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    status = StatusLine(application, as_json=arguments.json, quiet=arguments.quiet)
    began = time.monotonic()
    try:
        application.start()
        while not over.wait(status.period):
            status.show()
            if arguments.duration and time.monotonic() - began >= arguments.duration:
                break
        while over.is_set() and not application.failure and application.working:
            time.sleep(0.01)
    except KeyboardInterrupt:
        pass
    finally:
        application.stop()
        if recorder is not None:
            recorder.close()
        close = getattr(graph, "close", None)
        if close is not None:
            close()
    status.finish()
    if reasons[0]:
        raise PearError(
            "the pictures ended early", where=application.source.topic, found=reasons[0]
        )
    if arguments.overlay:
        print(f"Look at:\n  {arguments.overlay}")
    return 0


def chosen_settings(words: list[str]):  # type: ignore[no-untyped-def]
    """Settings from NAME=VALUE words; values are read in the type of the setting."""
    from pear_ros.live.settings import BY_NAME, Settings

    values: dict[str, object] = {}
    for word in words:
        name, mark, text = word.partition("=")
        row = BY_NAME.get(name)
        if not mark or row is None:
            raise PearError(
                "unknown setting", where=word, expected="NAME=VALUE of docs/parameters.md"
            )
        try:
            if row.kind is bool:
                values[name] = {"true": True, "false": False}[text.lower()]
            else:
                values[name] = row.kind(text)
        except (ValueError, KeyError):
            raise PearError(
                "setting refused", where=name, expected=f"a {row.kind.__name__}", found=repr(text)
            ) from None
    return Settings.of(values)


def check_inputs(arguments: argparse.Namespace) -> None:
    """One place that pictures come from. Raises PearError."""
    given = [arguments.input is not None, arguments.camera is not None]
    if sum(given) > 1:
        raise PearError("two inputs", expected="a file or --camera", found="both")
    if not any(given) and not arguments.dds:
        raise PearError("no input", expected="VIDEO, BAG, --camera N or --dds")
    if arguments.input is not None and not Path(arguments.input).exists():
        raise PearError("no such file", where=arguments.input)


def _graph(arguments: argparse.Namespace) -> Graph:
    if not arguments.dds:
        from pear_ros.live.nowhere import Nowhere

        return Nowhere()
    from pear_ros.dds.graph import DdsGraph

    remappings = {}
    for word in arguments.remap:
        old, mark, new = word.partition(":=")
        if not mark or not old or not new:
            raise PearError("no remapping", where=word, expected="FROM:=TO")
        remappings[old] = new
    return DdsGraph(
        "mesh_recovery_node",
        namespace=arguments.namespace,
        domain_id=arguments.domain,
        remappings=remappings,
    )


def _source(arguments: argparse.Namespace, ended):  # type: ignore[no-untyped-def]
    """What makes the application's source; None for the graph's own topics."""
    from pear_ros.live.local import LocalSource

    if arguments.camera is not None:
        from pear_ros.cli.camera import camera_frames

        frames = camera_frames(arguments.camera, arguments.calibration)
        return lambda slot: LocalSource(
            frames, slot, topic=f"camera {arguments.camera}", rate=None, ended=ended
        )
    if arguments.input is not None:
        from pear_ros.cli.camera import file_frames

        frames = file_frames(
            arguments.input, arguments.topic, arguments.calibration, arguments.loop
        )
        return lambda slot: LocalSource(
            frames, slot, topic=arguments.input, rate=arguments.rate, ended=ended
        )
    return None


def _overlay(arguments: argparse.Namespace, engine):  # type: ignore[no-untyped-def]
    if not arguments.overlay:
        return None
    from pear_ros.cli.live_overlay import LiveOverlay

    return LiveOverlay(Path(arguments.overlay), engine)
