"""The C library's heap, where an engine's hundreds of megabytes lie: a life of a node leaves no gaps.

glibc gives a large block pages of its own, which go back when it is freed, and cuts the free ends of
its heaps. But a large block that is freed raises both bounds (up to 32 and 64 MB): weights and
compiled graphs of the next life then lie in the heaps of whichever threads asked for them, and the
ends stay (after 30 lives 50 MB when cleaned up and 180 MB when active; without, 4 and 20).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator

# Names of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LOADING = (256 << 10, 128 << 10)
"""Bytes from which a block has pages of its own, and a free end is cut, while engines come and go."""
_WORKING = (32 << 20, 64 << 20)
"""The same for pictures, as glibc itself would have it: new pages for each would cost time."""


@contextlib.contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Engines are opened and freed inside; holds for all threads."""
    _bounds(*_LOADING)
    try:
        yield
    finally:
        _bounds(*_WORKING)


def give_memory_back() -> None:
    """Free what nobody holds any more, now, and let the system have it.

    After an engine is gone, glibc keeps small blocks' pages for itself unless it is asked.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _bounds(large: int, end: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, large)
        library.mallopt(_TRIM_THRESHOLD, end)
