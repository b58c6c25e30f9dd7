"""A network against peaks, by hand."""

from __future__ import annotations

import pytest

from pear_ros.bench.peaks import COPIED, COPY, NUMPY, SIDE, Peaks, engine_block, peaks
from pear_ros.bench.roofline import roofline
from pear_ros.bench.work import Work


def test_bound_by_arithmetic() -> None:
    # 2 GFLOP at 200 GFLOP/s are 10 ms; 20 MB at 10 GB/s are 2 ms; the call took 25 ms.
    found = roofline(Work(2_000_000_000, 5_000_000), 1, 25.0, Peaks("f32", 200.0, 100.0, 10.0))
    assert found.gflop == pytest.approx(2.0) and found.weight_mb == pytest.approx(20.0)
    assert found.gflops == pytest.approx(80.0)
    assert found.percent_of_matrix_peak == pytest.approx(40.0)
    assert (found.floor_ms, found.bound) == (pytest.approx(10.0), "arithmetic")
    assert found.times_floor == pytest.approx(2.5)
    assert "40 % of the measured matrix peak (200 GFLOP/s, OpenVINO f32)" in found.text()
    assert "2.5 x its floor of 10.00 ms (arithmetic)" in found.text()


@pytest.mark.parametrize(
    ("precision", "milliseconds"), [("f32", 2.0), ("bf16", 1.0), ("int8", 0.5)]
)
def test_bound_by_reading_the_weights(precision: str, milliseconds: float) -> None:
    # A tenth of the arithmetic; 5 M weights of 4, 2 or 1 bytes at 10 GB/s.
    peak = Peaks(precision, None, 1000.0, 10.0)
    found = roofline(Work(200_000_000, 5_000_000), 1, 4.0, peak)
    assert (found.floor_ms, found.bound) == (pytest.approx(milliseconds), "memory")
    assert found.peak_of == "numpy f32" and found.percent_of_matrix_peak == pytest.approx(5.0)


def test_peaks_of_fastest_calls() -> None:
    # A product of 1024 is 2.147 GFLOP; copying 64 MiB moves 134 MB.
    found = peaks("bf16", 4.0, {NUMPY: 10.0, COPY: 20.0})
    assert found.matrix_gflops == pytest.approx(2 * 1024**3 / 4e-3 / 1e9)
    assert found.numpy_gflops == pytest.approx(214.748, rel=1e-5)
    assert found.copy_gbps == pytest.approx(6.711, rel=1e-3)
    assert (SIDE, COPIED) == (1024, 64 * 1024 * 1024)
    assert peaks("f32", None, {NUMPY: 1.0, COPY: 1.0}).matrix_gflops is None


def test_no_product_of_engines_without_one() -> None:
    assert engine_block("onnxruntime", "f32", None) is None
    assert engine_block("openvino", "f4", None) is None
