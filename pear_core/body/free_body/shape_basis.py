"""Shape spaces: principal components of random adults in the T-pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pear_core.body.free_body import phenotypes, skeleton
from pear_core.body.free_body.source import Array, Index, Source


@dataclass(frozen=True)
class Bodies:
    """Random adults in the T-pose with the pelvis joint at the origin.

    Attributes:
        vertices: (N, V, 3) metres. joints: (N, 55, 3). stature: (N,) metres.
    """

    vertices: Array
    joints: Array
    stature: Array


@dataclass(frozen=True)
class Basis:
    """Mean (V, 3), components (V, 3, K) scaled to one sigma, and how well they explain samples."""

    mean: Array
    components: Array
    report: dict[str, object]


def sample_bodies(
    source: Source, weights: Array, regressor: Array, count: int, seed: int, batch: int = 50
) -> Bodies:
    """Draws adults until `count` of them have a stature inside STATURE_RANGE.

    Args:
        weights: (V, 55) skinning. regressor: (55, V) joints from vertices in the rest pose.
    """
    rng = np.random.default_rng(seed)
    low, high = phenotypes.STATURE_RANGE
    parts: list[Bodies] = []
    found = 0
    while found < count:
        vertices, _, tails = source.rest(*phenotypes.draw(rng, batch, source))
        stature = np.ptp(vertices[..., 1], axis=1)
        keep = (stature > low) & (stature < high)
        vertices, tails = vertices[keep], tails[keep]
        joints = regressor @ vertices
        rotations = skeleton.t_pose_rotations(source, joints, tails)
        posed = skeleton.into_t_pose(vertices, weights, joints, rotations)
        parts.append(Bodies(posed.astype(np.float32), skeleton.pose_joints(joints, rotations),
                            stature[keep]))  # fmt: skip
        found += len(vertices)
    return Bodies(*(np.concatenate([getattr(p, n) for p in parts])[:count]
                    for n in ("vertices", "joints", "stature")))  # fmt: skip


def symmetrised(field: Array, mirror: Index) -> Array:
    """Averages positions or displacements (V, 3, ...) with their mirror image in x."""
    flip = np.array([-1.0, 1.0, 1.0]).reshape(1, 3, *([1] * (field.ndim - 2)))
    return (field + field[mirror] * flip) / 2


def principal_components(samples: Array, count: int, mirror: Index, size: Array) -> Basis:
    """PCA of (N, V, 3) samples through their Gram matrix.

    Args:
        count: components to keep. mirror: (V,) mirror map that the basis is made exact for.
        size: (N,) a size that the first component is oriented by (larger beta, larger size).

    Returns:
        Components multiplied by sigma, so that a coefficient of 1 is one standard deviation.
    """
    n = len(samples)
    mean = samples.mean(axis=0, dtype=np.float64)
    flat = (samples - mean).reshape(n, -1).astype(np.float32)
    values, vectors = np.linalg.eigh((flat @ flat.T).astype(np.float64) / (n - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = vectors[:, :count]
    # Columns of `kept` are the samples' coefficients / sqrt(n - 1); sign: large and positive.
    lead = np.abs(kept).argmax(axis=0)
    sign = np.sign(kept[lead, np.arange(count)])
    sign[0] = np.sign(np.corrcoef(kept[:, 0], size)[0, 1])
    kept = kept * sign
    scaled = (flat.T @ kept.astype(np.float32)).astype(np.float64) / np.sqrt(n - 1)
    components = symmetrised(scaled.reshape(*mean.shape, count), mirror)

    betas = kept * np.sqrt(n - 1)
    residual = flat[: min(n, 300)].reshape(-1, *mean.shape) - np.einsum(
        "vck,nk->nvc", components.astype(np.float32), betas[:300].astype(np.float32)
    )
    distance = 1000 * np.linalg.norm(residual, axis=-1)
    spread = 1000 * np.sqrt(values[:count].clip(0) / len(mean))
    report: dict[str, object] = {
        "samples": n,
        "components": count,
        "explained_variance": round(float(values[:count].sum() / values.sum()), 6),
        "explained_by_component": [round(float(v), 5) for v in values[:count] / values.sum()],
        "rms_mm_per_sigma": [round(float(v), 3) for v in spread],
        "residual_mm": {
            "mean": round(float(distance.mean()), 3),
            "p95": round(float(np.percentile(distance, 95)), 3),
            "max": round(float(distance.max()), 3),
        },
        "correlation_of_beta_0_with_size": round(float(np.corrcoef(kept[:, 0], size)[0, 1]), 4),
    }
    return Basis(symmetrised(mean, mirror), components, report)
