"""A light level of detail: half-edge collapses by quadric error, so it follows any pose."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from pear_core.body.free_body.source import Array, Index


def _quadrics(vertices: Array, faces: Index) -> Array:
    """(V, 4, 4) sums of squared-distance forms of the planes around each vertex."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(area, 1e-20)[:, None]
    plane = np.concatenate([normal, -(normal * a).sum(1, keepdims=True)], axis=1)
    form = plane[:, :, None] * plane[:, None] * area[:, None, None]
    total = np.zeros((len(vertices), 4, 4))
    for corner in range(3):
        np.add.at(total, faces[:, corner], form)
    return total


def _flips(vertices: Array, around: list[list[int]], gone: int, kept: int) -> bool:
    """Whether a triangle would turn over or collapse to a sliver if `gone` moved to `kept`."""
    for triangle in around:
        if kept in triangle:
            continue
        before = vertices[triangle]
        after = vertices[[kept if v == gone else v for v in triangle]]
        m = np.cross(before[1] - before[0], before[2] - before[0])
        n = np.cross(after[1] - after[0], after[2] - after[0])
        edges = np.linalg.norm(np.roll(after, 1, axis=0) - after, axis=1).max()
        if n @ m < 0.3 * np.linalg.norm(m) * np.linalg.norm(n) or (
            np.linalg.norm(n) < 0.02 * edges**2
        ):
            return True
    return False


def collapse(vertices: Array, faces: Index, importance: Array, target: int) -> tuple[Index, Index]:
    """Removes vertices until at most `target` triangles are left.

    Kept vertices stay where they are, so the light mesh is a plain selection of full vertices and
    is exact in every pose, shape and expression.

    Args:
        vertices: (V, 3). faces: (F, 3), closed. importance: (V,) factor on the error; large keeps.

    Returns:
        ids (L,) of kept vertices, faces (<=target, 3) into them.
    """
    q = _quadrics(vertices, faces) * importance[:, None, None]
    triangles: dict[int, list[int]] = dict(enumerate(faces.tolist()))
    touching: list[set[int]] = [set() for _ in vertices]
    for t, tri in triangles.items():
        for v in tri:
            touching[v].add(t)
    version = np.zeros(len(vertices), dtype=np.int64)

    def neighbours(v: int) -> set[int]:
        return {u for t in touching[v] for u in triangles[t]} - {v}

    heap: list[tuple[float, int, int, int]] = []

    def propose(gone: int) -> None:
        best: tuple[float, int] | None = None
        for kept in sorted(neighbours(gone)):
            p = np.append(vertices[kept], 1.0)
            # A little edge length keeps flat regions from turning into long needles.
            length = float(((vertices[kept] - vertices[gone]) ** 2).sum())
            cost = float(p @ (q[gone] + q[kept]) @ p) + 1e-6 * importance[gone] * length
            if best is None or cost < best[0]:
                best = (cost, kept)
        if best is not None:
            heapq.heappush(heap, (best[0], gone, best[1], int(version[gone])))

    for v in range(len(vertices)):
        propose(v)
    while heap and len(triangles) > target:
        cost, gone, kept, stamp = heapq.heappop(heap)
        if stamp != version[gone] or not touching[gone] or not touching[kept]:
            continue
        shared = neighbours(gone) & neighbours(kept)
        doomed = touching[gone] & touching[kept]
        around = [triangles[t] for t in touching[gone] - doomed]
        if len(shared) != 2 or len(doomed) != 2 or _flips(vertices, around, gone, kept):
            # Try again later, when the surroundings have changed or nothing better is left.
            if cost < 1e3:
                heapq.heappush(heap, (cost * 4 + 1e-9, gone, kept, stamp))
            continue
        for t in doomed:
            for v in triangles.pop(t):
                touching[v].discard(t)
        for t in touching[gone]:
            triangles[t] = [kept if v == gone else v for v in triangles[t]]
            touching[kept].add(t)
        touching[gone] = set()
        q[kept] += q[gone]
        for v in neighbours(kept) | {kept}:
            version[v] += 1
            propose(v)
    out = np.array([triangles[t] for t in sorted(triangles)])
    ids = np.unique(out)
    return ids, np.searchsorted(ids, out)


def build(
    vertices: Array, faces: Index, inner: NDArray[np.bool_], parts: dict[str, Index],
    masks: dict[str, Index], target: int = 2000,
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    """Builds lod_2k.npz.

    Args:
        vertices: (V, 3) template. faces: (F, 3).
        inner: (V,) mask of sockets, mouth cavity and tongue, which a distant camera never sees.
        parts: body parts (ids). masks: name -> body ids of face regions.

    Returns:
        f (<=target, 3) uint32 into the light vertices; vertex_ids (L, 3) and vertex_weights (L, 3):
        light vertex = sum of weights times full vertices.
    """
    keep = ~inner[faces].all(axis=1)
    importance = np.ones(len(vertices))
    for name, factor in (("left_hand", 25.0), ("right_hand", 25.0), ("left_foot", 3.0),
                         ("right_foot", 3.0), ("head", 4.0), ("eyes", 60.0)):  # fmt: skip
        importance[parts[name]] = factor
    for name, factor in (("face", 15.0), ("lips", 150.0), ("nose", 80.0), ("eye_region", 150.0)):
        importance[masks[name]] = factor
    ids, light = collapse(vertices, faces[keep], importance, target)
    weights = np.zeros((len(ids), 3), dtype=np.float32)
    weights[:, 0] = 1
    return {
        "f": light.astype(np.uint32),
        "vertex_ids": np.repeat(ids[:, None], 3, axis=1),
        "vertex_weights": weights,
    }
