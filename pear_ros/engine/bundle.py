"""A model bundle on disk: checked as a whole before anything runs.

Every file must have the size and SHA-256 of the manifest, every graph must carry the manifest's
identity, and the output vector and joint order must be the ones this code was written for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pear_core import anatomy, layout
from pear_ros.engine.base import ModelIdentity
from pear_ros.engine.onnx_metadata import read_metadata
from pear_ros.engine.topology import Topology, read_topology
from pear_ros.problems import PearError

FORMAT = "pear-bundle-1"
NETWORK, BODY, MESH, TOPOLOGY, MANIFEST = (
    "network.onnx",
    "body.onnx",
    "mesh.onnx",
    "topology.npz",
    "manifest.json",
)
SELFTEST = "selftest.npz"
"""One crop with torch's answer, see `pear_ros.engine.selftest`; older bundles have none."""
DATA_SUFFIX = ".data"
"""Weights that do not fit into a graph lie in the file of the graph's name with this behind it."""
IDENTITY_KEY = "pear.identity"
"""Metadata key of every graph: the identity as canonical JSON (sorted keys, no spaces)."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: graphs lie at folder / NETWORK, BODY, MESH."""

    folder: Path
    identity: ModelIdentity
    topology: Topology
    manifest: dict[str, Any]

    @property
    def refused(self) -> dict[str, str]:
        """Precisions whose parity with torch was measured at export and found too poor, and why."""
        refused = self.manifest.get("refused_precisions", {})
        return {str(k): str(v) for k, v in refused.items()} if isinstance(refused, dict) else {}

    def read(self, name: str) -> bytes:
        """One file of the bundle, checked against the manifest. Raises PearError."""
        return _read(self.folder, name, self.manifest)

    def network(self, precision: str) -> str | None:
        """Name of the network graph that computes in `precision` ("f32", "f16", "bf16", "int8",
        "w8"), None if the bundle has none or refuses it.
        """
        name = NETWORK if precision == "f32" else f"network.{precision}.onnx"
        return name if name in self.manifest["files"] and precision not in self.refused else None

    def required_network(self, precision: str) -> str:
        """The same, or PearError: measured and found too poor, or never exported."""
        name = self.network(precision)
        if name is not None:
            return name
        if precision in self.refused:
            raise PearError(
                f"{precision} is too far from float32 for this model",
                where=str(self.folder / MANIFEST),
                expected="precision f32 or auto",
                found=self.refused[precision],
            )
        raise PearError(
            f"the bundle has no network in {precision}",
            where=str(self.folder),
            expected=f"pear export ... --precision {precision}",
        )

    def graph(self, name: str) -> bytes:
        """One graph, checked against the manifest and for the bundle's identity. Raises PearError."""
        data = self.read(name)
        _check_identity(data, str(self.folder / name), self.manifest)
        return data

    def sha256(self, name: str) -> str:
        """What the manifest says of a file."""
        return str(self.manifest["files"][name]["sha256"])

    def beside(self, name: str) -> Path | None:
        """The graph's path where its weights lie in a file beside it (more than 2 GB), else None.

        That file is checked against the manifest, piece by piece. Raises PearError.
        """
        data = name + DATA_SUFFIX
        if data not in self.manifest["files"]:
            return None
        _check_file(self.folder / data, self.manifest["files"][data])
        return self.folder / name


def open_bundle(folder: str | Path) -> Bundle:
    """Check a bundle folder and read what is small. Raises PearError for any mismatch."""
    folder = Path(folder)
    manifest = _manifest(folder)
    identity = _identity(manifest, str(folder / MANIFEST))
    for name in (NETWORK, BODY, MESH):
        _check_identity(_read(folder, name, manifest), str(folder / name), manifest)
    topology = read_topology(_read(folder, TOPOLOGY, manifest), str(folder / TOPOLOGY))
    if topology.joint_names != anatomy.EHM_JOINTS:
        raise PearError(
            "another joint order", where=str(folder / TOPOLOGY), expected="anatomy.EHM_JOINTS"
        )
    return Bundle(folder, identity, topology, manifest)


def _check_identity(data: bytes, where: str, manifest: dict[str, Any]) -> None:
    carried = read_metadata(data, where).get(IDENTITY_KEY)
    if carried is None:
        raise PearError("ONNX graph without pear's identity", where=where)
    if carried != canonical(manifest["identity"]):
        raise PearError(
            "belongs to another model",
            where=where,
            expected=canonical(manifest["identity"]),
            found=carried,
        )


def canonical(identity: dict[str, Any]) -> str:
    """The identity as the graphs carry it."""
    return json.dumps(identity, sort_keys=True, separators=(",", ":"))


def _manifest(folder: Path) -> dict[str, Any]:
    where = str(folder / MANIFEST)
    if not folder.is_dir():
        raise PearError(
            "no such model bundle",
            where=str(folder),
            expected=f"a folder with {MANIFEST}",
            found="a file" if folder.exists() else "nothing",
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise PearError("not a model bundle", where=str(folder), expected=MANIFEST) from None
    except (ValueError, OSError) as error:
        raise PearError("unreadable manifest", where=where, found=str(error)) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise PearError(
            "another kind of manifest", where=where, expected=f"format {FORMAT}", found=repr(found)
        )
    if not isinstance(manifest.get("files"), dict) or not isinstance(
        manifest.get("identity"), dict
    ):
        raise PearError("incomplete manifest", where=where, expected="files and identity")
    return manifest


def _identity(manifest: dict[str, Any], where: str) -> ModelIdentity:
    values = manifest["identity"]
    names = {f.name for f in fields(ModelIdentity)}
    if set(values) != names:
        raise PearError(
            "identity has other fields",
            where=where,
            expected=str(sorted(names)),
            found=str(sorted(values)),
        )
    identity = ModelIdentity(**values)
    for what, expected, found in (
        ("output layout", layout.fingerprint(), identity.layout),
        ("joint order", anatomy.fingerprint(), identity.joints),
        ("crop convention", layout.CROP_CONVENTION, identity.crop),
        ("colour order", layout.COLOUR, identity.colour),
    ):
        if expected != found:
            raise PearError(
                f"model was exported for another {what}",
                where=where,
                expected=str(expected),
                found=str(found),
            )
    return identity


def _check_file(path: Path, entry: dict[str, Any]) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise PearError(
            "cannot read a file of the bundle", where=str(path), found=str(error)
        ) from None
    if (size, digest.hexdigest()) != (entry["size"], entry["sha256"]):
        raise PearError(
            "another content than the manifest's",
            where=str(path),
            expected=f"{entry['size']} bytes, sha256 {entry['sha256']}",
            found=f"{size} bytes, sha256 {digest.hexdigest()}",
        )


def _read(folder: Path, name: str, manifest: dict[str, Any]) -> bytes:
    where = str(folder / name)
    entry = manifest["files"].get(name)
    if not isinstance(entry, dict) or not {"sha256", "size"} <= set(entry):
        raise PearError(f"manifest does not list {name}", where=str(folder / MANIFEST))
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise PearError("cannot read a file of the bundle", where=where, found=str(error)) from None
    if data.startswith(b"version https://git-lfs"):
        raise PearError("a git-lfs pointer, not the model", where=where, expected="git lfs pull")
    if len(data) != entry["size"]:
        raise PearError(
            "another size than the manifest's (truncated?)",
            where=where,
            expected=f"{entry['size']} bytes",
            found=f"{len(data)} bytes",
        )
    found = hashlib.sha256(data).hexdigest()
    if found != entry["sha256"]:
        raise PearError(
            "another content than the manifest's",
            where=where,
            expected=f"sha256 {entry['sha256']}",
            found=found,
        )
    return data
