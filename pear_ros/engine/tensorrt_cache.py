"""Built plans on disk, in the user's cache: found again, never trusted blindly, built once.

A plan belongs to one graph, one TensorRT version and one kind of GPU; all of that is in its name
and, in full, in the JSON file beside it, with the plan's own hash. The plan file is TensorRT's own
(trtexec loads it). A plan is native code, so the folder is the user's alone and never in /tmp.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pear_ros.problems import PearError

FORMAT = "pear-tensorrt-1"
"""Also stands for how plans are built: another recipe needs another number here."""

Facts = Mapping[str, str | int | list[int]]


class UnusablePlan(ValueError):
    """No plan, or one that is damaged or was built for something else; it says which."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """$XDG_CACHE_HOME/pear/tensorrt, or ~/.cache/pear/tensorrt; made if needed, for its owner only.

    Raises PearError where it cannot be made or others may write to it.
    """
    home = environment.get("HOME", "")
    base = environment.get("XDG_CACHE_HOME", "")
    # A relative $XDG_CACHE_HOME is to be ignored (XDG base directory specification).
    parent = Path(base) if base.startswith("/") else Path(home or "~").expanduser() / ".cache"
    folder = parent / "pear" / "tensorrt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise PearError(
            "cannot make the cache of TensorRT plans", where=str(folder), found=str(error)
        ) from None
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid() or mode & 0o022:
        raise PearError(
            "others may write to the cache of TensorRT plans, which hold native code",
            where=str(folder),
            expected=f"owner {os.geteuid()}, mode 700",
            found=f"owner {status.st_uid}, mode {mode:o}",
        )
    return folder


def plan_facts(
    tensorrt: str, device: str, graph_sha256: str, buckets: tuple[int, ...], image: tuple[int, int]
) -> dict[str, str | int | list[int]]:
    """All that a plan depends on. device: name, compute capability and size of the GPU in words."""
    return {
        "format": FORMAT,
        "tensorrt": tensorrt,
        "device": device,
        "graph_sha256": graph_sha256,
        "buckets": list(buckets),
        "largest_image": list(image),
    }


def key(facts: Facts) -> str:
    """Sixteen hex digits that differ where any fact differs."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan_path(folder: Path, name: str, facts: Facts) -> Path:
    """Where a plan lies; its name is for people only."""
    words = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
    return folder / f"{words}-{key(facts)}.plan"


def timing_path(folder: Path, tensorrt: str, device: str) -> Path:
    """Where TensorRT's timings of kernels lie: shared by all graphs of a version and a device."""
    return folder / f"timing-{key({'tensorrt': tensorrt, 'device': device})}.cache"


def read_plan(path: Path, facts: Facts) -> bytes:
    """The plan, if it is whole and was built for exactly these facts. Raises UnusablePlan."""
    beside = path.with_suffix(".json")
    try:
        record = json.loads(beside.read_bytes())
        plan = path.read_bytes()
    except FileNotFoundError:
        raise UnusablePlan("there is none yet") from None
    except (OSError, ValueError) as error:
        raise UnusablePlan(f"unreadable ({error})") from None
    if not isinstance(record, dict) or record.get("facts") != facts:
        raise UnusablePlan("built for something else")
    if record.get("size") != len(plan):
        raise UnusablePlan(
            f"damaged: {record.get('size')} bytes were written, {len(plan)} are there"
        )
    if record.get("sha256") != hashlib.sha256(plan).hexdigest():
        raise UnusablePlan("damaged: its bytes are not those that were written")
    return plan


def write_plan(path: Path, plan: bytes, facts: Facts) -> None:
    """Keep a plan. Whatever happens in between, a reader finds the old plan, this one or none."""
    record = {"facts": facts, "size": len(plan), "sha256": hashlib.sha256(plan).hexdigest()}
    path.with_suffix(".json").unlink(missing_ok=True)
    write_whole(path, plan)
    write_whole(path.with_suffix(".json"), (json.dumps(record, indent=1) + "\n").encode())


def discard(path: Path) -> None:
    """Forget a plan that TensorRT would not take."""
    path.with_suffix(".json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """A file that is complete or absent, readable by its owner only. Raises PearError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise PearError("cannot write", where=str(path), found=str(error)) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def build_lock(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a plan, so that one process builds it and the others then read it.

    waiting: called once if somebody else holds it. The lock file stays (removing it would let two
    processes hold different files of the same name); the system drops the lock of a dead process.
    """
    lock = path.with_suffix(".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PearError("cannot lock", where=str(lock), found=str(error)) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
