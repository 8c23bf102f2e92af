"""One number for all thread pools: OpenMP, BLAS, torch, polars and Dr.Jit."""

from __future__ import annotations

import os
import sys

# Read by the libraries when they are first imported.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def limit_threads(count: int) -> None:
    """Let every numerical library of this process, and of its children, use `count` threads.

    Best called before the heavy imports: libraries read the variables once. Torch and Dr.Jit are also told
    directly if they are loaded already; for a Dr.Jit that starts later, `start_variant(threads=...)` does it.
    """
    if count < 1:
        raise ValueError(f"a thread count must be at least 1, not {count}")
    for name in _VARIABLES:
        os.environ[name] = str(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
    if drjit := sys.modules.get("drjit"):
        drjit.set_thread_count(count)


def available_cores() -> int:
    """Count the cores that this process may use; CPU affinity is respected."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
