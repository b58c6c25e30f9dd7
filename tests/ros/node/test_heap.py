"""Engines' memory lies apart from everything else and goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "models" / "pear_vit_ti"

APART = """
import ctypes, sys
from pear_ros.node.heap import large_blocks_apart

class Info(ctypes.Structure):  # malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Info
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]

def apart(size):
    # Whether a block of this size has pages of its own; it stays, so that no gap takes the next.
    before = library.mallinfo2().hblks
    library.malloc(size)
    return library.mallinfo2().hblks - before

library.free(library.malloc(20 << 20))  # raises glibc's own bound to 20 MB
print(apart(2 << 20), end=" ")
with large_blocks_apart():
    print(apart(2 << 20), apart(100 << 10), end=" ")
print(apart(20 << 20), apart(40 << 20))
"""

LIVES = """
import sys, threading, time
import rclpy
from rclpy.executors import MultiThreadedExecutor
from pear_ros.node.mesh_recovery_node import MeshRecoveryNode

def resident():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))

rclpy.init()
node = MeshRecoveryNode(cli_args=["--ros-args", "-p", "model:=" + sys.argv[1]])
executor = MultiThreadedExecutor(2)
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
for _ in range(12):
    for transition in ("configure", "activate", "deactivate", "cleanup"):
        assert getattr(node, f"trigger_{transition}")().name == "SUCCESS", transition
    print(resident(), flush=True)
executor.shutdown()
node.destroy_node()
rclpy.try_shutdown()
"""


def ran(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True, text=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc 2.33 or newer")
def test_large_blocks_have_their_own_pages_only_while_engines_come_and_go() -> None:
    assert ran(APART).split() == ["0", "1", "0", "0", "1"]


@pytest.mark.ros
@pytest.mark.skipif(not MODEL.is_dir(), reason="the shipped model is not here")
def test_twelve_lives_with_a_real_engine_leave_the_memory_flat() -> None:
    resident = [int(line) / 1024 for line in ran(LIVES, str(MODEL)).split()]
    assert len(resident) == 12
    # From the second on, without a moment's waste: 2 to 3 MB, and 6 to 8 without `heap`.
    assert min(resident[-3:]) - resident[1] < 5.0, resident
