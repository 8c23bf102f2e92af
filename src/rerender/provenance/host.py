"""Where and at which cost a run was made: clock, memory, hardware class, git commit; no host or user name."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a run took: UTC start, wall, CPU and GPU seconds, peak resident memory [MB].

    `gpu_s` counts the seconds for which GPUs were held (wall times their number); None without one.
    """

    started: str
    wall_s: float
    cpu_s: float
    gpu_s: float | None
    peak_memory_mb: float


@dataclass(frozen=True)
class Stopwatch:
    """Measures this process from `Stopwatch.start()` to `.stop()`."""

    started: str
    wall: float
    cpu: float

    @classmethod
    def start(cls) -> Stopwatch:
        """Note the time."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(now, time.perf_counter(), _cpu_seconds())

    def stop(self, *, gpus: int = 0) -> Cost:
        """Return the cost so far. The watch keeps its start, so it may be read again."""
        wall = time.perf_counter() - self.wall
        return Cost(
            started=self.started,
            wall_s=round(wall, 3),
            cpu_s=round(_cpu_seconds() - self.cpu, 3),
            gpu_s=round(wall * gpus, 3) if gpus else None,
            peak_memory_mb=round(peak_memory_mb(), 1),
        )


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process so far [MB]."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if platform.system() == "Darwin" else 2**10)


def hardware(*, gpu: bool) -> dict[str, Any]:
    """Return the hardware class: processor model, cores this process may use, GPU model if one is used."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": _gpu_model() if gpu else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def git_state(file: Path = Path(__file__)) -> dict[str, Any]:
    """Return commit and dirty flag of the checkout that tracks `file` (this package); None without one.

    A package installed into an environment inside some other repository is not taken for that one.
    """
    commit = None
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is not None:
        commit = _git(file.parent, "rev-parse", "HEAD")
    if not commit:
        return {"commit": None, "dirty": None}
    changes = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_seconds() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _gpu_model() -> str | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        query = [tool, "--query-gpu=name", "--format=csv,noheader"]
        listed = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return ", ".join(sorted({line.strip() for line in listed.splitlines() if line.strip()})) or None
