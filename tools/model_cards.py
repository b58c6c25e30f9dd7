"""Write the tables of the model cards from their evaluation.json: python tools/model_cards.py [--check]

They stand between <!--numbers--> and <!--/numbers--> in models/*/README.md. With --check nothing is
written and a stale table is an error.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
NUMBERS = re.compile(r"(<!--numbers-->\n).*?(<!--/numbers-->)", re.S)
ERRORS = {
    "mpjpe": "MPJPE, mm",
    "pa_mpjpe": "PA-MPJPE, mm",
    "pve": "PVE all, mm",
    "pve_hands": "PVE hands, mm",
    "pve_face": "PVE face, mm",
    "pa_pve": "PA-PVE all, mm",
    "pa_pve_hands": "PA-PVE hands, mm",
    "pa_pve_face": "PA-PVE face, mm",
    "keypoints_px": "2D error, px of the 256 crop",
    "root_degrees": "root rotation, degrees",
}
GROUPS = {
    "all": "All crops",
    "whole_body": "Crops that show the whole body",
    "cut": "Crops cut by the picture's border",
}


def tables(evaluation: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """One table per group of crops: the model's errors, the mean pose's and their ratio."""
    text = []
    for group, title in GROUPS.items():
        own, mean = evaluation["model"][group], evaluation["mean_pose"][group]
        text += [f"{title} ({own['crops']}):", "", "| | model | mean pose | ratio |"]
        text += ["| --- | --- | --- | --- |"]
        for key, name in ERRORS.items():
            ratio = own[key] / mean[key]
            text.append(f"| {name} | {own[key]:.1f} | {mean[key]:.1f} | {ratio:.2f} |")
        text.append("")
    return "\n".join(text)


def filled(card: Path) -> str:
    """The card with its tables written anew."""
    evaluation = json.loads((card.parent / "evaluation.json").read_text())
    return NUMBERS.sub(lambda m: f"{m[1]}{tables(evaluation)}{m[2]}", card.read_text())


def main() -> int:
    stale = 0
    for card in sorted((ROOT / "models").glob("*/README.md")):
        if not NUMBERS.search(card.read_text()) or filled(card) == card.read_text():
            continue
        if "--check" in sys.argv:
            print(f"{card.relative_to(ROOT)}: stale tables; run tools/model_cards.py")
            stale += 1
        else:
            card.write_text(filled(card))
            print(f"{card.relative_to(ROOT)}: tables updated")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
