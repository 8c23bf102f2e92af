"""Memory that a loop frees is kept for its next round, rather than given back to the system and asked for again.

glibc gives large blocks back as soon as they are free, so that every step of a fit touches fresh pages, each of which costs
a visit to the kernel: a tenth of a small step, and more on a virtual machine.
"""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT = 2**28  # bytes at the end of the heap that stay with the process
LARGEST = 2**25  # bytes; larger blocks are mapped alone. glibc allows no more


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep up to 256 MiB that it has freed. Does nothing where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, LARGEST)
    mallopt(_TRIM_THRESHOLD, KEPT)
