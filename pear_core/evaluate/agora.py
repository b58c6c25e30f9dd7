"""AGORA's normalised errors: a missed or invented person makes the mesh error worse.

Source: Patel et al., AGORA, CVPR 2021; PEAR facts 9.3.
"""

from __future__ import annotations


def detection_f1(true_positives: int, false_positives: int, false_negatives: int) -> float:
    """F1 = 2 TP / (2 TP + FP + FN) of detected people. Raises ValueError without any people."""
    counts = (true_positives, false_positives, false_negatives)
    if min(counts) < 0 or not any(counts):
        raise ValueError(f"TP, FP, FN: expected counts >= 0, not all 0, found {counts}")
    return 2 * true_positives / (2 * true_positives + false_positives + false_negatives)


def normalised_error(error: float, f1: float) -> float:
    """NMVE of an MVE, NMJE of an MPJPE: the error over matched people, divided by F1.

    Infinite where nobody was matched. Raises ValueError for an F1 outside [0, 1].
    """
    if not 0.0 <= f1 <= 1.0:
        raise ValueError(f"f1: expected 0..1, found {f1}")
    return error / f1 if f1 > 0 else float("inf")
