"""`pear image`: people in pictures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pear_ros.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pear_ros.cli.load import Loaded
    from pear_ros.output.gltf import Body
    from pear_ros.output.report import InputResult
    from pear_ros.types import FloatArray, Frame, HumanFrame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="pictures (JPEG, PNG, WebP, TIFF, BMP)"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--glb", action="store_true", help="also write the meshes as binary glTF")
    parser.add_argument("--ply", action="store_true", help="also write each mesh as binary PLY")
    parser.add_argument("--report", metavar="FILE.html", help="also write a report")
    options.add_camera(parser)
    options.add_model(parser)
    options.add_drawing(parser)
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Overlay, JSON and npz for each picture; pictures that cannot be read are errors, the rest
    goes on.
    """
    from pear_ros.cli.load import load
    from pear_ros.cli.outcome import Outcome
    from pear_ros.cli.pictures import picture_frame
    from pear_ros.cli.progress import progress
    from pear_ros.cli.results import count
    from pear_ros.output.report import Report, write_report
    from pear_ros.problems import PearError

    loaded = load(arguments)
    outcome = Outcome("image", loaded.problems)
    names = output_names([Path(f) for f in arguments.files])
    results: list[InputResult] = []
    meshes: tuple[Body, ...] = ()
    people = 0
    with progress("pictures", arguments.quiet) as done:
        for number, (file, name) in enumerate(zip(arguments.files, names, strict=True)):
            done(number, len(names))
            try:
                frame = picture_frame(file, arguments.camera)
                base = Path(arguments.out) / name
                result, bodies = _one(loaded, frame, base, arguments, outcome.files)
            except PearError as error:
                outcome.errors.append(str(error))
                continue
            results.append(result)
            meshes = meshes or bodies
            people += round(result.people)
    outcome.lines.append(
        f"{count(people, 'person', 'people')} in {count(len(results), 'picture', 'pictures')}"
    )
    if arguments.report and results:
        page = Report(
            "pear image", outcome.lines[0], loaded.ran(), tuple(results), loaded.problems, meshes
        )
        write_report(arguments.report, page)
        outcome.files.insert(0, Path(arguments.report))
    outcome.facts = {
        "engine": loaded.ran(),
        "pictures": [
            {
                "source": r.name,
                "people": round(r.people),
                "seconds": r.seconds,
                "files": list(r.files),
            }
            for r in results
        ],
    }
    return outcome.finish(arguments)


def _one(
    loaded: Loaded, frame: Frame, base: Path, arguments: argparse.Namespace, files: list[Path]
) -> tuple[InputResult, tuple[Body, ...]]:
    """Everything for one picture, and its meshes; adds what it wrote to files."""
    from pear_ros.cli import results
    from pear_ros.output.mesh import frame_vertices
    from pear_ros.output.overlay import panel
    from pear_ros.output.report import InputResult, Picture

    start = time.perf_counter()
    loaded.pipeline.reset()
    humans = loaded.pipeline.process(frame)
    seconds = time.perf_counter() - start
    vertices, topology = frame_vertices(loaded.engine, humans), loaded.engine.topology
    written = _write(loaded, frame, humans, vertices, base, arguments)
    files += written
    pictures: tuple[Picture, ...] = ()
    if arguments.report:
        image = panel(frame.image, humans, vertices, topology, results.style(arguments))
        pictures = (Picture(image, "photo, overlay, and the same seen from the side"),)
    result = InputResult(
        name=frame.source,
        kind="picture",
        frames=1,
        people=len(humans.humans),
        seconds=seconds,
        stages=results.stages(humans),
        pictures=pictures,
        files=tuple(str(f) for f in written),
        notes=results.notes(humans),
    )
    return result, tuple(results.bodies(humans, vertices, topology.faces))


def _write(
    loaded: Loaded,
    frame: Frame,
    humans: HumanFrame,
    vertices: Sequence[FloatArray],
    base: Path,
    arguments: argparse.Namespace,
) -> list[Path]:
    """The files of one picture, named after base."""
    from pear_ros.cli import results
    from pear_ros.output import gltf, overlay, ply, records, records_json
    from pear_ros.palette import track_colour

    topology, style = loaded.engine.topology, results.style(arguments)
    draw = overlay.panel if arguments.panel else overlay.draw
    suffix = ".jpg" if frame.source.lower().endswith((".jpg", ".jpeg")) else ".png"
    written = [
        base.with_name(base.name + ending) for ending in (f"_overlay{suffix}", ".json", ".npz")
    ]
    results.write_picture(written[0], draw(frame.image, humans, vertices, topology, style))
    kept = records.Records((humans,), (frame.source,), loaded.identity(), topology.expression_names)
    records_json.write_json(written[1], kept)
    records.write_npz(written[2], kept)
    if arguments.glb and humans.humans:
        written.append(base.with_name(base.name + ".glb"))
        people = results.bodies(humans, vertices, topology.faces)
        gltf.write_glb(written[-1], people, humans.intrinsics)
    if arguments.ply:
        for human, points in zip(humans.humans, vertices, strict=True):
            written.append(base.with_name(f"{base.name}_{human.track_id}.ply"))
            ply.write_ply(written[-1], points, topology.faces, track_colour(human.track_id))
    return written


def output_names(files: Sequence[Path]) -> list[str]:
    """A distinct file name (without suffix) for each input."""
    names: list[str] = []
    for file in files:
        name, number = file.stem, 2
        while name in names:
            name, number = f"{file.stem}_{number}", number + 1
        names.append(name)
    return names
