"""How this process manages memory: its collector looks seldom, and what large messages freed is kept for the next."""

from __future__ import annotations

import ctypes
import gc

GC_ALLOCATIONS = 10_000  # net, between two looks; the default 700 are crossed by the calls in flight alone
KEPT_BYTES = 32 * 1024 * 1024  # free memory at the heap's end that isn't given back
HEAP_BYTES = 4 * 1024 * 1024  # allocations of more are mappings of their own, given back at once
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's mallopt(3)


def settle() -> None:
    """To be called once, when all is started: what a start leaves lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 20)  # calls leave no cycles


def keep_freed_memory() -> None:
    """Messages of some 100 kB would else be mapped, faulted in page by page and unmapped again, each one.

    Where the C library has no mallopt, its own ways stay.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, HEAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
