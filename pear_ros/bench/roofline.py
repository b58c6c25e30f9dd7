"""How near a network comes to what the machine can do at most."""

from __future__ import annotations

from dataclasses import dataclass

from pear_ros.bench.peaks import Peaks
from pear_ros.bench.work import Work

BYTES = {"f32": 4, "f16": 2, "bf16": 2, "int8": 1, "w8": 1}
"""Of one weight, in the precision the network computes in."""


@dataclass(frozen=True)
class Roofline:
    """The fastest call of a network against the machine's peaks.

    floor_ms: the time below which no call can be, the larger of arithmetic and reading every weight
    once; bound says which. percent_of_matrix_peak: of the peak in the network's own precision where
    that was measured, else of numpy's float32.
    """

    people: int
    gflop: float
    weight_mb: float
    gflops: float
    percent_of_matrix_peak: float
    peak_gflops: float
    peak_of: str
    floor_ms: float
    bound: str
    times_floor: float

    def text(self) -> str:
        """One line for people."""
        return (
            f"network x{self.people}: {self.gflop:.2f} GFLOP, {self.weight_mb:.1f} MB of weights, "
            f"{self.gflops:.0f} GFLOP/s = {self.percent_of_matrix_peak:.0f} % of the measured matrix "
            f"peak ({self.peak_gflops:.0f} GFLOP/s, {self.peak_of}); "
            f"{self.times_floor:.1f} x its floor of {self.floor_ms:.2f} ms ({self.bound})"
        )


def roofline(work: Work, people: int, fastest_ms: float, peaks: Peaks) -> Roofline:
    """work: of `people` people; fastest_ms: of its calls, since peaks are those of fastest calls."""
    own = peaks.matrix_gflops
    peak = peaks.numpy_gflops if own is None else own
    weight_bytes = work.weights * BYTES.get(peaks.precision, 4)
    arithmetic = 1e-6 * work.flops / peak
    memory = 1e-6 * weight_bytes / peaks.copy_gbps
    floor = max(arithmetic, memory)
    achieved = 1e-6 * work.flops / fastest_ms
    return Roofline(
        people=people,
        gflop=1e-9 * work.flops,
        weight_mb=1e-6 * weight_bytes,
        gflops=achieved,
        percent_of_matrix_peak=100 * achieved / peak,
        peak_gflops=peak,
        peak_of="numpy f32" if own is None else f"OpenVINO {peaks.precision}",
        floor_ms=floor,
        bound="arithmetic" if arithmetic >= memory else "memory",
        times_floor=fastest_ms / floor,
    )
