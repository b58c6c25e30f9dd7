"""Where models and other shipped files lie, wherever the project is installed.

A file or folder `name` is looked for, in this order, in: the folders of $PEAR_MODELS;
`share/pear/models` of every ROS prefix in $AMENT_PREFIX_PATH; `_models` inside the installed
package; `models` of the source tree.
"""

from __future__ import annotations

import os
from pathlib import Path

from pear_ros.problems import PearError

DEFAULT_MODEL = "pear_vit_ti"
DEFAULT_BODY = "free_body"
VARIABLE = "PEAR_MODELS"
_BUNDLE, _BODY, _DETECTOR = "network.onnx", "SMPLX_NEUTRAL.npz", "pose_detection.onnx"


def search_path() -> tuple[Path, ...]:
    """The folders that may hold models, first match wins; not all of them need exist."""
    package = Path(__file__).resolve().parent
    folders = [Path(p) for p in os.environ.get(VARIABLE, "").split(os.pathsep) if p]
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    folders += [prefix / "share" / "pear" / "models" for prefix in prefixes]
    folders += [package / "_models", package.parent / "models"]
    return tuple(dict.fromkeys(folders))


def find(name: str) -> Path:
    """A shipped file or folder by its path below a models folder. Raises PearError naming what was
    looked for.
    """
    places = [folder / name for folder in search_path()]
    for place in places:
        if place.exists():
            return place
    raise PearError(
        f"no {name} is installed",
        where="models",
        expected=" or ".join(map(str, places)),
        found=f"nothing there; set ${VARIABLE} to the folder that holds it",
    )


def model_dir(name: str = DEFAULT_MODEL) -> Path:
    """Folder of a model bundle, by name or by path. Raises PearError."""
    given = Path(name).expanduser()
    if (given / _BUNDLE).is_file():
        return given
    if given.is_absolute() or len(given.parts) != 1:
        raise PearError(
            "not a model bundle",
            where=name,
            expected=f"a folder with {_BUNDLE}",
            found="a folder without" if given.is_dir() else "no folder",
        )
    places = [folder / name for folder in search_path()]
    for place in places:
        if (place / _BUNDLE).is_file():
            return place
    others = ", ".join(path.name for path in bundles())
    raise PearError(
        f"no model named {name} is installed",
        where="models",
        expected=f"{_BUNDLE} in {' or '.join(map(str, places))} (or ${VARIABLE} set)",
        found=f"only {others}" if others else "no model at all",
    )


def body_dir(name: str = DEFAULT_BODY) -> Path:
    """Folder of body model files (SMPL-X, FLAME formats), by name or path. Raises PearError."""
    given = Path(name).expanduser()
    return given if (given / _BODY).is_file() else find(name)


def bundles() -> list[Path]:
    """Folders of all installed model bundles; a name found twice counts where it is found first."""
    return _folders_with(_BUNDLE)


def bodies() -> list[Path]:
    """Folders of all installed body models; a name found twice counts where it is found first."""
    return _folders_with(_BODY)


def detectors() -> list[Path]:
    """Folders of all installed person detectors; the first of each name."""
    return _folders_with(_DETECTOR)


def _folders_with(marker: str) -> list[Path]:
    found: dict[str, Path] = {}
    for folder in search_path():
        for file in sorted(folder.glob(f"*/{marker}")):
            found.setdefault(file.parent.name, file.parent)
    return list(found.values())
