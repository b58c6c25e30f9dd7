"""`pear motion`: recorded people to and from the formats that others use."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pear_ros.cli.options import camera, not_negative_int, positive

if TYPE_CHECKING:
    from pear_core.exchange.motion import Motion
    from pear_core.exchange.skeleton import RestJoints

SUFFIXES = {
    "amass": "_amass.npz",
    "smplestx": "_smplestx.npz",
    "multihmr": "_multihmr.npz",
    "hmr2": "_hmr2.npz",
    "gltf": ".glb",
    "bvh": ".bvh",
    "npz": "_motion.npz",
}
READABLE = ("amass", "smplestx", "multihmr", "hmr2")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", metavar="IN", help="a bag, .npz or .json of ours; with --from an .npz of others"
    )
    parser.add_argument(
        "--to", choices=tuple(SUFFIXES), help="what to write (without it: who is in the file)"
    )
    parser.add_argument(
        "--from", dest="source", choices=READABLE, help="what IN is, if it is not ours"
    )
    parser.add_argument("--out", metavar="FILE", help="where to (default: beside IN)")
    parser.add_argument(
        "--person",
        type=not_negative_int,
        metavar="ID",
        help="track id (default: who is seen longest)",
    )
    parser.add_argument(
        "--body", metavar="NAME|DIR", help="body model (default: the recording's own)"
    )
    parser.add_argument("--topic", metavar="NAME", help="of the people in a bag")
    parser.add_argument(
        "--fps", type=positive, default=30.0, help="of inputs without time stamps (default 30)"
    )
    parser.add_argument(
        "--camera",
        type=camera,
        metavar="FX,FY,CX,CY",
        help="the real camera in pixels, to place people of crop networks (smplestx, hmr2)",
    )
    parser.add_argument(
        "--influences",
        type=int,
        choices=(4, 8),
        default=4,
        help="glTF: joints per vertex; 8 is exact, but many programs read 4 (default 4)",
    )
    parser.add_argument(
        "--json", action="store_true", help="what happened as JSON on standard output"
    )


def run(arguments: argparse.Namespace) -> int:
    """Convert one person, or say who is there."""
    from pear_ros.problems import PearError

    try:
        return _run(arguments)
    except ValueError as error:
        # Files of others and body files: their errors already name file, key, expected and found.
        raise PearError(str(error)) from None


def _run(arguments: argparse.Namespace) -> int:
    import json

    from pear_ros.output.atomic import write_bytes

    path = Path(arguments.input)
    people, notes, worn = _read(arguments, path)
    facts: dict[str, Any] = {
        "command": "motion",
        "ok": True,
        "people": [_facts(motion) for motion in people.values()],
        "files": [],
    }
    lines = [_line(entry) for entry in facts["people"]]
    target = arguments.to or ("npz" if arguments.source else None)
    if target is not None:
        motion = _chosen(people, arguments.person, path)
        data = _encode(target, motion, worn, arguments, notes)
        out = Path(arguments.out or path.with_name(_name(path, motion, people) + SUFFIXES[target]))
        write_bytes(out, data)
        facts |= {"person": motion.track_id, "to": target, "body": worn.name}
        facts["files"] = [str(out)]
        lines = [_line(_facts(motion)), "Look at:", f"  {out}  ({len(data) / 1e6:.2f} MB)"]
    if arguments.json:
        print(json.dumps(facts | {"notes": notes}, indent=1))
    else:
        print("\n".join(lines + [f"Note: {note}" for note in notes]))
    return 0


class _Body:
    """The body model that a motion is converted with; its files are read when they are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name

    @property
    def model(self) -> Path:
        return self.folder / "SMPLX_NEUTRAL.npz"

    def rest(self) -> RestJoints:
        from pear_core.body.files import load_smplx
        from pear_core.exchange.skeleton import RestJoints

        return RestJoints.of(load_smplx(self.model))


def _read(arguments: argparse.Namespace, path: Path) -> tuple[dict[int, Motion], list[str], _Body]:
    from pear_ros.assets import DEFAULT_BODY, body_dir

    if arguments.source:
        worn = _Body(body_dir(arguments.body or DEFAULT_BODY))
        motion = _decode(arguments, path, worn)
        return {motion.track_id: motion}, _strangeness(motion, worn), worn
    from pear_ros.cli.recorded import read_recording

    recording = read_recording(path, arguments.topic, arguments.fps)
    first = next(iter(recording.people.values()))
    worn = _Body(body_dir(arguments.body or _own(first.body)))
    return recording.people, [*recording.notes, *_strangeness(first, worn)], worn


def _own(body: str) -> str:
    """The installed body that a recording was made with, else the default."""
    from pear_ros.assets import DEFAULT_BODY, bodies

    name = body.split("@")[0]
    return name if name in {folder.name for folder in bodies()} else DEFAULT_BODY


def _strangeness(motion: Motion, worn: _Body) -> list[str]:
    name = motion.body.split("@")[0]
    if not name or name == worn.name:
        return []
    return [f"shape and expression belong to {name}, but {worn.name} wears them"]


def _chosen(people: dict[int, Motion], wanted: int | None, path: Path) -> Motion:
    from pear_ros.problems import PearError

    if wanted is None:
        return max(people.values(), key=len)
    if wanted not in people:
        found = ", ".join(map(str, people))
        raise PearError(f"no person {wanted}", where=str(path), expected="a track id", found=found)
    return people[wanted]


def _name(path: Path, motion: Motion, people: dict[int, Motion]) -> str:
    return f"{path.stem}_person{motion.track_id}" if len(people) > 1 else path.stem


def _decode(arguments: argparse.Namespace, path: Path, worn: _Body) -> Motion:
    import numpy as np

    from pear_core.exchange import amass, hmr2, multihmr, smplestx
    from pear_core.exchange.arrays import Arrays

    arrays, rest, fps = Arrays.open(path), worn.rest(), arguments.fps
    real = None if arguments.camera is None else np.array(arguments.camera)
    if arguments.source == "amass":
        return amass.from_amass(arrays, rest)
    if arguments.source == "multihmr":
        return multihmr.from_multihmr(arrays, rest, fps)
    if arguments.source == "hmr2":
        return hmr2.from_hmr2(arrays, rest, fps, real)
    means = smplestx.hand_means(worn.model)
    return smplestx.from_smplestx(arrays, means, rest, fps, real)


def _encode(
    target: str, motion: Motion, worn: _Body, arguments: argparse.Namespace, notes: list[str]
) -> bytes:
    from pear_core.exchange import amass, bvh, gltf_skin, hmr2, motion_file, multihmr, smplestx
    from pear_core.exchange.arrays import npz_bytes
    from pear_core.exchange.motion import evenly_timed

    if target in ("amass", "bvh") and evenly_timed(motion) is not motion:
        notes.append(f"uneven time stamps: interpolated to {motion.fps:g} frames per second")
    if target == "npz":
        return motion_file.encode(motion)
    if target == "gltf":
        from pear_core.body.files import load_assets

        return gltf_skin.to_gltf(motion, load_assets(worn.folder), arguments.influences)
    rest = worn.rest()
    if target == "bvh":
        return bvh.to_bvh(motion, rest).encode("ascii")
    if target == "amass":
        return npz_bytes(amass.to_amass(motion, rest))
    if target == "multihmr":
        return npz_bytes(multihmr.to_multihmr(motion, rest))
    if target == "hmr2":
        return npz_bytes(hmr2.to_hmr2(motion, rest))
    return npz_bytes(smplestx.to_smplestx(motion, smplestx.hand_means(worn.model), rest))


def _facts(motion: Motion) -> dict[str, Any]:
    return {
        "person": motion.track_id,
        "frames": len(motion),
        "seconds": round(float(motion.times()[-1]), 3),
        "fps": round(motion.fps, 3),
        "body": motion.body,
    }


def _line(entry: dict[str, Any]) -> str:
    frames = f"{entry['frames']} frame{'s' if entry['frames'] != 1 else ''}"
    body = f", {entry['body']}" if entry["body"] else ""
    return (
        f"person {entry['person']}: {frames}, {entry['seconds']:.2f} s, {entry['fps']:g} fps{body}"
    )
