"""Who made a message: the names that go into every HumanArray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pear_ros.engine.base import EngineInfo

JOINT_ORDER = "ehm_s_145"
"""Name of the order of `pear_core.anatomy.EHM_JOINTS`."""


@dataclass(frozen=True)
class Identity:
    """Model, body model and engine behind a result; all texts, empty where unknown.

    model, body_model: "name@first 12 digits of the SHA-256". topology_id: vertex order and faces of
    the meshes. engine_fallback: why a preferred back end or precision could not be used.
    """

    model: str = ""
    body_model: str = ""
    topology_id: str = ""
    joint_order: str = JOINT_ORDER
    engine: str = ""
    engine_precision: str = ""
    engine_fallback: str = ""

    @classmethod
    def of(cls, info: EngineInfo) -> Identity:
        """The identity of what an engine runs."""
        model = info.identity
        body = _named(model.body, model.body_sha256)
        return cls(
            model=_named(model.model, model.weights_sha256),
            body_model=body,
            topology_id=body,
            engine=f"{info.backend} {info.version}".strip(),
            engine_precision=info.precision,
            engine_fallback=info.fallback,
        )


def _named(name: str, sha256: str) -> str:
    return f"{name}@{sha256[:12]}" if sha256 else name
