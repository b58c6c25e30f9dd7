"""Every engine against torch on the shipped model: python benchmarks/parity.py

The 256 crops of models/parity_crops; exit code 1 where a limit is exceeded. Writes
benchmarks/results/parity.json. Needs torch (`./run test` installs it).
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

from pear_ros.assets import body_dir, model_dir
from pear_ros.cli.parity import reports, shipped_crops
from pear_ros.output.machine import machine, versions

RESULT = Path(__file__).parent / "results" / "parity.json"


def main() -> int:
    squares = shipped_crops()
    found = reports(model_dir(), body_dir(), squares, print)
    record = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "crops": len(squares),
        "reports": [json.loads(report.to_json()) for report in found],
    }
    RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if any(report.failures() for report in found) else 0


if __name__ == "__main__":
    sys.exit(main())
