"""Random adults: values for anny's sliders."""

from __future__ import annotations

import re

import numpy as np

from pear_core.body.free_body.source import Array, Source

Sliders = dict[str, Array]  # slider name -> (N,) values

STATURE_RANGE = (1.45, 2.05)  # metres; samples outside are drawn again
ORDINARY_HEIGHT = 0.37  # height slider that gives ordinary statures

# Local sliders that add identity without breaking left/right symmetry, and their spread.
_LOCAL_SPREAD = (
    (r"cheek-|chin-(?!cleft)|ear-(?!flap|shape)|eyebrows-|forehead-", 0.25),
    (r"eye-(corner|height|scale|trans|eyefold|bag)", 0.2),
    (r"head-(fat|scale|back)|mouth-(?!trans-out|laugh|dimples)|nose-(?!trans-out)", 0.25),
    (r"hip-scale|torso-(scale|vshape|muscle)|neck-(scale|back|double)|stomach-tone", 0.2),
    (r"(upper|lower)arm-(fat|muscle)|(upper|lower)leg-(fat|muscle)", 0.2),
    (r"hand-(fingers-length|scale)|foot-scale-(horiz|depth|incr)", 0.2),
    (r"measure-(upperarm|lowerarm)-length|upperlegs-height|lowerlegs-height", 0.2),
)


def _local_spread(name: str) -> float:
    return next((s for pattern, s in _LOCAL_SPREAD if re.match(rf"(l-|r-)?({pattern})", name)), 0.0)


def draw(rng: np.random.Generator, count: int, source: Source) -> tuple[Sliders, Sliders]:
    """Draws slider values of `count` adults, stature not yet checked.

    Gender has two modes (0 is male, 1 female); age runs from 2/3 (young adult) to 1 (old);
    a left and a right local slider always share one value, so every body is symmetric.
    """
    female = rng.random(count) < 0.5
    androgyny = rng.beta(1.0, 6.0, count)
    race = rng.dirichlet((0.7, 0.7, 0.7), count)
    phenotypes = {
        "gender": np.where(female, 1 - androgyny, androgyny),
        "age": 2 / 3 + rng.beta(1.0, 1.6, count) / 3,
        "muscle": rng.beta(2.5, 2.5, count),
        "weight": rng.beta(2.0, 2.2, count),
        "height": np.clip(rng.normal(ORDINARY_HEIGHT, 0.1, count), 0, 1),
        "proportions": rng.beta(2.0, 2.0, count),
        "cupsize": rng.beta(2.0, 2.0, count),
        "firmness": rng.beta(2.0, 2.0, count),
        "african": race[:, 0],
        "asian": race[:, 1],
        "caucasian": race[:, 2],
    }
    local: dict[str, Array] = {}
    for name in source.local_changes:
        if name.startswith("r-") or not _local_spread(name):
            continue
        value = np.clip(_local_spread(name) * rng.standard_normal(count), -0.7, 0.7)
        local[name] = value
        if name.startswith("l-"):
            local["r-" + name[2:]] = value
    return phenotypes, local
