"""What Slurm says of jobs, and what follows from it. A question that fails is asked again, however long it takes."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

FAILED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "DEADLINE", "ERROR", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
    | {"REVOKED", "TIMEOUT"}
)
ENDED = FAILED | {"COMPLETED"}

Verdict = Literal["alive", "completed", "failed", "vanished"]


def squeue(names: Sequence[str]) -> list[str]:
    """Return the command that lists jobs by name, finished ones included for as long as the controller knows them."""
    return ["squeue", "--noheader", "--states=all", "--format=%A|%T", "--name", ",".join(names)]


def sacct(names: Sequence[str], days: int = 7) -> list[str]:
    """Return the same question for the accounting database."""
    start = datetime.now() - timedelta(days=days)
    words = "sacct -X --parsable2 --noheader --format=JobIdRaw,State --endtime now"
    return [*shlex.split(words), "--starttime", f"{start:%Y-%m-%dT%H:00}", "--name", ",".join(names)]


def parse(said: str) -> dict[str, str]:
    """Return job -> state. `CANCELLED by 0` and the like are reduced to their first word."""
    rows = (line.split("|") for line in said.splitlines() if "|" in line)
    return {job.strip(): state.split()[0].rstrip("+") for job, state, *_ in rows if state.strip()}


def ask(command: Sequence[str], seconds: float = 60.0) -> str | None:
    """Return what a Slurm command prints, or None if it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.stdout if done.returncode == 0 else None


@dataclass
class Watch:
    """How one Slurm job looked so far. Times are in seconds of a monotonic clock.

    An end must be seen twice before it counts: marks of finished members may take a moment to cross the file system,
    and a job that is sent back to the queue passes through states that look like an end.
    """

    since: float
    last: str = ""
    ended: bool = False
    unseen: int = 0

    def look(self, state: str | None, now: float) -> Verdict:
        """Take in what the present query says (None: the job is not listed)."""
        if state is None:
            self.unseen += 1
            self.ended = False
            return "vanished" if self.unseen >= 3 and now - self.since >= VANISHED_AFTER else "alive"
        self.unseen = 0
        if state not in ENDED:
            self.last, self.ended = state, False
            return "alive"
        if not self.ended or state != self.last:
            self.last, self.ended = state, True
            return "alive"
        return "completed" if state == "COMPLETED" else "failed"


VANISHED_AFTER = 60.0
"""How long a job may be missing from the list before it is given up [s]."""


@dataclass
class Watches:
    """All Slurm jobs that are looked at."""

    jobs: dict[str, Watch] = field(default_factory=dict)

    def verdicts(self, ids: Iterable[str], states: dict[str, str], now: float) -> dict[str, Verdict]:
        """Return job -> verdict."""
        return {
            job: self.jobs.setdefault(job, Watch(now)).look(states.get(job), now)
            for job in dict.fromkeys(ids)
        }

    def state(self, job: str) -> str:
        """Return the last state that was seen."""
        return self.jobs[job].last or "UNKNOWN"
