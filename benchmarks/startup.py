"""How fast `pear --help` answers: python benchmarks/startup.py

Whole processes, median of several; writes benchmarks/results/startup.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from pear_ros.output.machine import machine, versions

RESULT = Path(__file__).parent / "results" / "startup.json"
COMMAND = [sys.executable, "-m", "pear_ros.cli", "--help"]


def main() -> None:
    seconds = []
    for _ in range(21):
        start = time.perf_counter()
        subprocess.run(COMMAND, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    result = {
        "what": "pear --help, whole process",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "median_seconds": round(statistics.median(seconds[1:]), 3),
        "worst_seconds": round(max(seconds[1:]), 3),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
