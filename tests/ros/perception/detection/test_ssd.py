"""Anchors and decoding of the first network, against its published layout and hand-made outputs."""

from __future__ import annotations

import numpy as np
import pytest

from pear_ros.perception.detection import ssd


def test_anchors_are_those_of_the_published_graph() -> None:
    """224 pixels; strides 8, 16, 32, 32, 32, two anchors per cell and layer: 2254 in all."""
    centres = ssd.anchor_centres()
    assert centres.shape == (2 * 28 * 28 + 2 * 14 * 14 + 6 * 7 * 7, 2) == (2254, 2)
    assert centres[:4].tolist() == [[4 / 224, 4 / 224]] * 2 + [[12 / 224, 4 / 224]] * 2
    assert centres[56].tolist() == [4 / 224, 12 / 224]
    assert centres[1568].tolist() == [8 / 224, 8 / 224]
    assert centres[1960].tolist() == [16 / 224, 16 / 224] == centres[1965].tolist()
    assert centres[1966].tolist() == [48 / 224, 16 / 224]
    assert centres[-1].tolist() == [208 / 224, 208 / 224]


def hand_made(anchor: int, logit: float, hips: tuple, top: tuple, shoulders: tuple) -> tuple:
    """Raw output that says one person, key points in pixels of the 224 square."""
    boxes, logits = np.zeros((2254, 12), np.float32), np.full((2254, 1), -100.0, np.float32)
    centre = ssd.anchor_centres()[anchor] * 224
    points = np.array([hips, top, shoulders, (0, 0)]) - centre
    boxes[anchor, 4:] = points.ravel()
    logits[anchor] = logit
    return boxes, logits


def test_decode_of_a_hand_made_output() -> None:
    raw = hand_made(1700, 2.0, (112, 140), (112, 40), (110, 90))
    found = ssd.decode(*raw, 0.5, ssd.anchor_centres())
    assert len(found) == 1
    assert found.scores[0] == pytest.approx(0.880797)  # 1 / (1 + exp(-2))
    assert found.hips[0] * 224 == pytest.approx([112, 140], abs=1e-4)
    assert found.shoulders[0] * 224 == pytest.approx([110, 90], abs=1e-4)
    assert found.radius[0] * 224 == pytest.approx(100, abs=1e-4)
    assert len(ssd.decode(*raw, 0.9, ssd.anchor_centres())) == 0


def test_extreme_logits_stay_finite() -> None:
    boxes, logits = np.zeros((2254, 12), np.float32), np.full((2254, 1), 1e30, np.float32)
    assert (ssd.decode(boxes, logits, 0.5, ssd.anchor_centres()).scores == 1.0).all()
    assert len(ssd.decode(boxes, -logits, 0.5, ssd.anchor_centres())) == 0


def people(*rows: tuple[float, float, float, float]) -> ssd.Candidates:
    """Upright people from (score, x, y of the hips, radius); shoulders half a radius above."""
    table = np.array(rows, float).reshape(-1, 4)
    hips, up = table[:, 1:3], np.stack([np.zeros(len(table)), -table[:, 3]], axis=1)
    return ssd.Candidates(table[:, 0], hips, hips + up, hips + 0.5 * up)


def test_merge_keeps_the_best_of_each_person() -> None:
    found = people(
        (0.6, 100, 200, 80), (0.9, 105, 203, 85), (0.7, 140, 200, 80), (0.8, 101, 200, 30)
    )
    kept = ssd.merge(found, apart=0.35, most=9)
    # The first two are one person, the third stands beside, the fourth is a child in front.
    assert kept.scores.tolist() == [0.9, 0.8, 0.7]
    assert ssd.merge(found, apart=0.35, most=2).scores.tolist() == [0.9, 0.8]
    assert len(ssd.merge(people(), apart=0.35, most=2)) == 0


def test_concatenate_keeps_the_order() -> None:
    both = ssd.concatenate([people((0.1, 1, 2, 3)), people(), people((0.2, 4, 5, 6))])
    assert both.scores.tolist() == [0.1, 0.2] and both.hips.tolist() == [[1, 2], [4, 5]]
