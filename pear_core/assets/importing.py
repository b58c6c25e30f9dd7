"""Imports a folder of licensed files: found, checked, converted once, all of them or none."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pear_core.assets import record
from pear_core.assets.convert import Arrays, convert
from pear_core.assets.fields import PUBLISHED, Sizes
from pear_core.assets.found import RECORD, Found, find
from pear_core.assets.known import KNOWN, KnownFile
from pear_core.body.files import BODY_FILES, BodyFileError, load_assets, load_flame, load_smplx

_READERS: dict[str, Callable[[Path], object]] = {
    "SMPLX_NEUTRAL.npz": load_smplx,
    "FLAME.npz": load_flame,
}


class ImportFailed(ValueError):
    """Nothing was imported; `problems` has one line for each file that is wrong."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__(" | ".join(problems))


@dataclass(frozen=True)
class Imported:
    """A file of the result: where it came from, whether it was there already (from the same
    source), and keys of the source that were left out.
    """

    output: str
    source: Path
    sha256: str
    size: int
    reused: bool
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What an import did. unused: files that were left alone, with the reason."""

    folder: Path
    imported: tuple[Imported, ...]
    kept: tuple[str, ...]
    missing: tuple[KnownFile, ...]
    unused: tuple[tuple[Path, str], ...]

    @property
    def complete(self) -> bool:
        """Whether EHM-s can be built from the folder."""
        return not any(known.required for known in self.missing)


def import_folder(
    source: str | Path,
    out: str | Path,
    sizes: Sizes = PUBLISHED,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Report:
    """Convert every known file below `source` into the body folder `out`.

    Files that `out` has from an earlier import stay, those whose source is the same are not
    converted again. The result takes the place of `out` when all of it is right; otherwise nothing
    changes. sizes: vertex and face counts; progress: called with files done, of how many.

    Raises ImportFailed naming every file that is wrong, what was expected and what was found.
    """
    source, out = Path(source).resolve(), Path(out).resolve()
    found = _checked(source, out)
    work = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        _start(work, out)
        report = _convert_all(found, source, out, work, sizes, progress)
        _check_together(work, out)
        _take_place(work, out)
    except OSError as error:
        raise ImportFailed(f"{error.filename or out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return report


def _checked(source: Path, out: Path) -> Found:
    if not source.is_dir():
        raise ImportFailed(f"{source}: not a folder")
    if source == out or out in source.parents:
        raise ImportFailed(f"{out}: the result cannot lie in or around the source {source}")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and record.read(out) is None)):
        raise ImportFailed(
            f"{out}: expected a new folder or one of imported files (with {RECORD}), "
            f"found {'another folder' if out.is_dir() else 'a file'}"
        )
    found = find(source)
    if not found.files:
        names = ", ".join(known.names[0] for known in KNOWN if known.required)
        raise ImportFailed(f"{source}: no known file here or below, expected {names}, ...")
    return found


def _start(work: Path, out: Path) -> None:
    """A working copy of what is there; links, so that it costs nothing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    if out.is_dir():
        shutil.copytree(out, work, copy_function=_link)
    else:
        work.mkdir()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _convert_all(
    found: Found,
    source: Path,
    out: Path,
    work: Path,
    sizes: Sizes,
    progress: Callable[[int, int | None], None],
) -> Report:
    before = record.read(work) or {}
    entries, imported, problems = dict(before), [], []
    unused = list(found.unused)
    chosen = [(known, found.best(known)) for known in KNOWN if known.output in found.files]
    for done, (known, paths) in enumerate(chosen):
        progress(done, len(chosen))
        try:
            path, digest = _one_of(paths)
            one = _import_one(known, path, digest, before.get(known.output), work, sizes)
        except (BodyFileError, ImportFailed) as error:
            problems.append(str(error))
            continue
        imported.append(one)
        entries[known.output] = record.Entry(
            one.sha256, one.size, str(path.relative_to(source)), digest, path.stat().st_size
        )
        others = (other for other in found.files[known.output] if other not in paths)
        unused += [(other, f"{path.name} is taken instead") for other in others]
    progress(len(chosen), len(chosen))
    if problems:
        raise ImportFailed(*problems)
    (work / RECORD).unlink(missing_ok=True)
    record.write(work, entries)
    names = {one.output for one in imported}
    return Report(
        out,
        tuple(imported),
        tuple(name for name in entries if name not in names),
        tuple(known for known in KNOWN if not (work / known.output).is_file()),
        tuple(unused),
    )


def _one_of(paths: tuple[Path, ...]) -> tuple[Path, str]:
    """The file and its hash, where all are the same file. Raises ImportFailed, BodyFileError."""
    try:
        digests = [record.sha256(path) for path in paths]
    except OSError as error:
        raise BodyFileError(Path(str(error.filename)), f"cannot read: {error.strerror}") from error
    if len(set(digests)) > 1:
        raise ImportFailed(
            f"{paths[0].name}: expected one file, found different ones: "
            f"{', '.join(map(str, paths))}"
        )
    return paths[0], digests[0]


def _import_one(
    known: KnownFile,
    path: Path,
    digest: str,
    before: record.Entry | None,
    work: Path,
    sizes: Sizes,
) -> Imported:
    target = work / known.output
    if before is not None and before.source_sha256 == digest and _holds(target, before.sha256):
        return Imported(known.output, path, before.sha256, before.size, reused=True)
    converted = convert(known, path, sizes)
    target.unlink(missing_ok=True)
    _write(target, converted.arrays)
    if reader := _READERS.get(known.output):
        try:
            reader(target)
        except BodyFileError as error:
            raise BodyFileError(path, str(error).removeprefix(f"{target}: ")) from error
    size = target.stat().st_size
    return Imported(known.output, path, record.sha256(target), size, False, converted.unread)


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and record.sha256(path) == digest


def _write(path: Path, arrays: Arrays) -> None:
    """An npz file, or the one array as npy; equal arrays give equal bytes."""
    if path.suffix == ".npy":
        ((_, array),) = arrays.items()
        with path.open("wb") as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _check_together(work: Path, out: Path) -> None:
    if all((work / name).is_file() for name in BODY_FILES):
        try:
            load_assets(work)
        except BodyFileError as error:
            reason = str(error).replace(str(work), str(out))
            raise ImportFailed(f"the files do not belong together: {reason}") from error


def _take_place(work: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if not out.exists():
        os.rename(work, out)
        return
    os.rename(out, old)
    try:
        os.rename(work, out)
    except OSError:
        os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)
