"""The colour of a person: the same in RViz, overlays, mesh files and reports."""

PALETTE: tuple[tuple[int, int, int], ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
)
"""Okabe and Ito's colours (2008), told apart by colour-blind people; blue first because skin is not
blue.
"""


def track_colour(track_id: int) -> tuple[int, int, int]:
    """8-bit RGB of a track; neighbouring ids differ strongly, later rounds are darker."""
    r, g, b = PALETTE[track_id % len(PALETTE)]
    dim = 1.0 - 0.25 * ((track_id // len(PALETTE)) % 3)
    return round(r * dim), round(g * dim), round(b * dim)
