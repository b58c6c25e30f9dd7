"""The shipped free body: masks, parts, level of detail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from independent.shipped_body import J, Model, load, volume
from pear_core.body.free_body.posing import pose


def test_masks_and_parts(head: Model, body: Model, ids: NDArray) -> None:
    masks = load("FLAME_masks.npz")
    seam = np.concatenate([masks["neck"], masks["boundary"]])
    assert len(np.unique(seam)) == len(seam)
    faces = head["f"].astype(int)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    rim = {v for a, b in directed if (b, a) not in directed for v in (a, b)}
    assert len(rim) > 30 and rim <= set(masks["boundary"].tolist())  # the cut keeps body values
    for name in ("lips", "nose", "eye_region", "forehead"):
        assert np.isin(masks[name], seam).sum() == 0, name
    y = head["v_template"][:, 1]
    assert y[masks["lips"]].mean() < y[masks["nose"]].mean() < y[masks["forehead"]].mean()
    assert len(masks["left_eyeball"]) == len(masks["right_eyeball"]) == 72

    parts = load("body_parts.npz")
    dominant = parts.pop("dominant_joint")
    assert np.array_equal(dominant, body["weights"].argmax(axis=1))
    everything = np.concatenate(list(parts.values()))
    assert np.array_equal(np.sort(everything), np.arange(len(dominant)))
    hands = load("MANO_SMPLX_vertex_ids.npz")
    assert len(hands["left_hand"]) == len(hands["right_hand"])
    assert len(np.intersect1d(hands["left_hand"], ids)) == 0


def test_light_mesh_follows_the_full_one(body: Model, template: NDArray) -> None:
    light = load("lod_2k.npz")
    faces, ids, weights = light["f"].astype(int), light["vertex_ids"], light["vertex_weights"]
    assert 1900 <= len(faces) <= 2000
    assert weights.min() >= 0 and weights.sum(axis=1) == pytest.approx(1.0)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()
    directed = set(map(tuple, edges))
    assert len(directed) == len(edges)
    turns = {J["left_elbow"]: np.array([0, -1.2, 0]), J["right_hip"]: np.array([-1.0, 0, 0])}
    for posed in (template, pose(body, turns)[0]):
        small = (posed[ids] * weights[..., None]).sum(1)
        full = volume(posed, body["f"].astype(int))
        assert 0.95 < volume(small, faces) / full < 1.02
    parts = load("body_parts.npz")
    kept = ids[:, 0]
    assert np.isin(kept, parts["left_hand"]).sum() > 80
    assert np.isin(kept, np.r_[parts["head"], parts["eyes"]]).sum() > 200
