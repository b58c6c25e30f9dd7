"""`pear demo`: the whole way, as commands anyone can repeat.

Without inputs: two real photographs, a bag of camera pictures made by moving a window over them, and a rendered
sequence with ground truth. With inputs: your pictures, videos and bags instead of the first two.
"""

from __future__ import annotations

import argparse
import io
import json
import shlex
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pear_ros.cli import options
from pear_ros.problems import PearError

if TYPE_CHECKING:
    from pear_ros.output.report import InputResult, Picture

TRUTH_TOPIC = "/ground_truth/humans"
BAGS, VIDEOS = (".mcap", ".db3"), (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
WIDTH, HEIGHT, RATE = 640, 480, 30
FRAMES_PER_PHOTO = 45


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="*", metavar="FILE", help="your pictures, videos or bags")
    parser.add_argument("--out", default="out/demo", metavar="DIR", help="default %(default)s")
    options.add_model(parser)
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the commands one by one and writes report.html and summary.json over all of them."""
    from pear_ros.assets import find
    from pear_ros.output.atomic import write_bytes
    from pear_ros.output.gltf import read_glb
    from pear_ros.output.report import Report, write_report

    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    steps = _Steps(_shared(arguments), arguments.json)
    photos = find("demo")
    own = [Path(f) for f in arguments.inputs]
    with tempfile.TemporaryDirectory() as scratch:
        if own:
            _own_inputs(steps, own, out)
        else:
            pictures = [photos / "astronaut.png", photos / "camera.png"]
            steps.run("image", *map(str, pictures), "--out", str(out), "--glb")
            frames = moving_window(pictures, Path(scratch))
            steps.run("bag", str(out / "camera.mcap"), str(frames), "--rate", str(RATE))
            _replay(steps, out / "camera.mcap", out, "humans")
    _replay(steps, photos / "rendered.mcap", out, "rendered_humans", "--truth", TRUTH_TOPIC)

    seconds = time.perf_counter() - start
    ran: dict[str, str] = next((s.facts["engine"] for s in steps.done if "engine" in s.facts), {})
    summary = {
        "seconds": round(seconds, 1),
        "engine": ran,
        "steps": [{"command": step.line, **step.facts} for step in steps.done],
    }
    write_bytes(out / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    results = tuple(r for step in steps.done for r in step.results())
    headline = f"{len(steps.done)} commands in {seconds:.0f} s on this machine"
    written = [f for step in steps.done for p in step.facts.get("pictures", []) for f in p["files"]]
    meshes = tuple(b for f in written if f.endswith(".glb") for b in read_glb(f))[:1]
    write_report(out / "report.html", Report("pear demo", headline, ran, results, meshes=meshes))
    files = [Path(f) for step in steps.done for f in step.facts.get("files", [])]
    shown = [f for f in files if f.stem.endswith("_overlay") or "humans" in f.name]
    looked_at = [out / "report.html", *shown, out / "summary.json"]
    if arguments.json:
        print(json.dumps(summary, indent=1))
    else:
        print(f"\n{headline}. Look at:")
        for path in looked_at:
            print(f"  {path}")
    warned = sum(w["count"] for s in steps.done for w in s.facts.get("warnings", {}).values())
    failed = any(not step.facts.get("ok", False) for step in steps.done)
    return 1 if failed or (arguments.strict and warned) else 0


def _own_inputs(steps: _Steps, inputs: list[Path], out: Path) -> None:
    pictures = []
    for file in inputs:
        if not file.exists():
            raise PearError("no such file", where=str(file))
        if file.suffix.lower() in BAGS or file.is_dir():
            _replay(steps, file, out, "humans")
        elif file.suffix.lower() in VIDEOS:
            bag = out / f"{file.stem}.mcap"
            steps.run("bag", str(bag), str(file), "--compressed")
            _replay(steps, bag, out, "humans")
        else:
            pictures.append(str(file))
    if pictures:
        steps.run("image", *pictures, "--out", str(out), "--glb")


def _replay(steps: _Steps, bag: Path, out: Path, name: str, *more: str) -> None:
    if steps.wrote(out / f"{name}.mcap"):
        name = f"{bag.stem}_{name}"
    steps.run(
        "replay", str(bag), "--out", str(out / f"{name}.mcap"), "--pass", "*",
        "--overlay", str(out / f"{name}.mp4"), "--panel", "--people", str(out / f"{name}.npz"), *more,
    )  # fmt: skip


def moving_window(pictures: list[Path], folder: Path) -> Path:
    """Camera pictures 640 x 480: a window that wanders over real photographs, as a hand-held camera."""
    import cv2
    import numpy as np

    from pear_ros.cli.pictures import read_picture

    number = 0
    for picture in pictures:
        pixels = read_picture(picture)
        height, width = pixels.shape[:2]
        for t in np.linspace(0, 1, FRAMES_PER_PHOTO):
            zoom = min(width / WIDTH, height / HEIGHT) * (0.94 + 0.06 * np.cos(2 * np.pi * t))
            room = np.array([width - zoom * WIDTH, height - zoom * HEIGHT])
            # The window stays in the upper part of the photograph, where the heads are.
            sway = [0.5 + 0.5 * np.sin(2 * np.pi * t), 0.12 + 0.12 * np.sin(4 * np.pi * t)]
            x, y = room * sway
            to_photo = np.array([[zoom, 0, x], [0, zoom, y]])
            seen = cv2.warpAffine(pixels, to_photo, (WIDTH, HEIGHT),
                                  flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)  # fmt: skip
            cv2.imwrite(str(folder / f"{number:04d}.png"), seen[:, :, ::-1])
            number += 1
    return folder


def _shared(arguments: argparse.Namespace) -> list[str]:
    """The model options, to hand on to the commands that take them."""
    words = ["--model", arguments.model, "--engine", arguments.engine,
             "--precision", arguments.precision, "--detector", arguments.detector]  # fmt: skip
    if arguments.threads:
        words += ["--threads", str(arguments.threads)]
    return words


class _Step:
    """One command and what it said about itself as JSON."""

    def __init__(self, line: str, facts: dict[str, Any]) -> None:
        self.line, self.facts = line, facts

    def told(self) -> str:
        """The result in one line."""
        facts = self.facts
        parts = []
        if "pictures" in facts:
            parts.append(
                f"{sum(p['people'] for p in facts['pictures'])} people in {len(facts['pictures'])} pictures"
            )
        elif "frames" in facts:
            parts.append(f"{facts['frames']} pictures")
        if "people" in facts and facts.get("frames"):
            parts.append(f"{facts['people'] / facts['frames']:.2f} people per picture")
        if "frames_per_second" in facts:
            parts.append(f"{facts['frames_per_second']:.1f} frames/s")
        errors = facts.get("errors_against_truth")
        if errors and errors["pa_mpjpe"] is not None:
            parts.append(f"MPJPE {errors['mpjpe']:.0f} mm, PA-MPJPE {errors['pa_mpjpe']:.0f} mm, "
                         f"key points {errors['keypoint_px']:.0f} px")  # fmt: skip
        parts += [f"{w['count']} x warning {kind}" for kind, w in facts.get("warnings", {}).items()]
        return ", ".join(parts)

    def results(self) -> list[InputResult]:
        """Sections of the report."""
        from pear_ros.output.report import InputResult, Table

        facts = self.facts
        if "pictures" in facts:
            return [
                InputResult(
                    p["source"], "picture", 1, p["people"], p["seconds"],
                    pictures=_overlays(p["files"]), files=tuple(p["files"]),
                )
                for p in facts["pictures"]
            ]  # fmt: skip
        if "bag" not in facts:
            return []
        frames = max(facts["frames"], 1)
        stages = {
            k: v / frames for k, v in facts["seconds"].items() if k not in ("wall", "observe")
        }
        tables = []
        errors = facts.get("errors_against_truth")
        if errors:
            rows = tuple(
                (name, "" if value is None else round(value, 1)) for name, value in errors.items()
            )
            tables.append(
                Table("Errors against ground truth (mm, px, counts)", ("", "value"), rows)
            )
        return [
            InputResult(
                facts["bag"], f"bag, {facts['topic']}", facts["frames"], facts["people"] / frames,
                facts["frames"] / facts["frames_per_second"], stages, _stills(facts["files"]),
                tuple(tables), tuple(facts["files"]), notes=(self.line,),
            )
        ]  # fmt: skip


class _Steps:
    """Runs `pear` commands in this process and keeps what they say."""

    def __init__(self, shared: list[str], quiet: bool) -> None:
        self._shared, self._quiet = shared, quiet
        self.done: list[_Step] = []

    def wrote(self, file: Path) -> bool:
        """Whether an earlier command of this run wrote the file."""
        return any(str(file) in step.facts.get("files", []) for step in self.done)

    def run(self, command: str, *words: str) -> None:
        """One command; what it prints as JSON is kept. Raises PearError where it fails."""
        from pear_ros.cli.main import build_parser

        line = shlex.join(["pear", command, *words])
        if not self._quiet:
            print(f"$ {line}", flush=True)
        argv = [command, *words, *(self._shared if command != "bag" else []), "--json"]
        said = io.StringIO()
        with redirect_stdout(said):
            arguments = build_parser(argv).parse_args(argv)
            arguments.run(arguments)
        step = _Step(line, json.loads(said.getvalue()))
        self.done.append(step)
        if not self._quiet:
            print(f"  {step.told()}", flush=True)
            sys.stdout.flush()


def _overlays(files: list[str]) -> tuple[Picture, ...]:
    from pear_ros.cli.pictures import read_picture
    from pear_ros.output.report import Picture

    return tuple(
        Picture(read_picture(f), "overlay") for f in files if Path(f).stem.endswith("_overlay")
    )


def _stills(files: list[str], count: int = 3) -> tuple[Picture, ...]:
    """Frames spread over the overlay video among the files."""
    import cv2
    import numpy as np

    from pear_ros.output.report import Picture

    found: list[Picture] = []
    for file in files:
        if Path(file).suffix.lower() not in VIDEOS:
            continue
        video = cv2.VideoCapture(file)
        frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for number in np.linspace(0, max(frames - 1, 0), count + 2)[1:-1].astype(int):
            video.set(cv2.CAP_PROP_POS_FRAMES, int(number))
            done, pixels = video.read()
            if done:
                image = np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)
                found.append(
                    Picture(image, f"frame {number}: photo, overlay, and the same from the side")
                )
        video.release()
    return tuple(found)
