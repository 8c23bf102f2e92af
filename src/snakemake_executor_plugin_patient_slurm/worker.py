"""Runs on the node, in place of plain Snakemake: `python -m snakemake_executor_plugin_patient_slurm.worker FOLDER ARGS…`.

Snakemake itself runs the members of the batch; this only puts caches on the node's own disk and notes which members
have finished, so that the main process learns it at once, and also after a crash of either side. A job that Slurm
starts again, because its node died or more urgent work came, leaves alone what it has finished before.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from snakemake_executor_plugin_patient_slurm.batches import DONE, FAILED, Batch, key_of
from snakemake_executor_plugin_patient_slurm.preload import install

CACHES = {
    "DRJIT_CACHE_DIR": "drjit",
    "OPTIX_CACHE_PATH": "optix",
    "WARP_CACHE_PATH": "warp",
    "TORCHINDUCTOR_CACHE_DIR": "torch",
    "MPLCONFIGDIR": "matplotlib",
}
"""Compiled code lies on the node: shared home folders corrupt such caches when several nodes write to them."""


class Marks(logging.Filter):
    """Turn Snakemake's events into marks in the batch's folder. A filter, because Snakemake replaces all handlers."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self._batch = batch
        self._numbers = {member.key: number for number, member in enumerate(batch.members)}
        self._jobs: dict[int, int] = {}
        self._stops, told = os.pipe()
        os.set_blocking(self._stops, False)
        os.set_blocking(told, False)
        signal.set_wakeup_fd(
            told, warn_on_full_buffer=False
        )  # unlike a handler, Snakemake does not replace it
        self._stopping = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Look at one event, and let it pass."""
        match str(getattr(record, "event", "") or "").rpartition(".")[2].lower():
            case "job_info":
                key = key_of(record.__dict__["rule_name"], record.__dict__["wildcards"])
                if key in self._numbers:
                    self._jobs[record.__dict__["jobid"]] = self._numbers[key]
            case "job_finished":
                self._mark(record.__dict__["job_id"], DONE)
            case "job_error":
                if not self.is_stopping():
                    self._mark(record.__dict__["jobid"], FAILED)
        return True

    def is_stopping(self) -> bool:
        """Say whether the job was told to stop: its members have not failed then, and Slurm may start it again."""
        with contextlib.suppress(BlockingIOError):
            self._stopping |= signal.SIGTERM in os.read(self._stops, 1024)
        return self._stopping

    def _mark(self, job: int, what: str) -> None:
        if job in self._jobs:
            with contextlib.suppress(OSError):  # the main process was stopped and has put its folder away
                self._batch.mark(self._jobs[job], what)


def cache_folders(node_cache: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that put caches on the node, except those that are set already."""
    root = Path(node_cache or environment.get("TMPDIR") or "/tmp") / f"rerender-{getpass.getuser()}"
    return {name: str(root / folder) for name, folder in CACHES.items() if name not in environment}


def main(arguments: list[str]) -> None:
    """Run a batch."""
    batch = Batch.read(Path(arguments[0]))
    targets = [batch.members[number].target for number in batch.open_numbers()]
    if batch.members and not targets:
        return
    if job := os.environ.get("SLURM_JOB_ID"):
        batch.set_slurm_job(job)
    for name, folder in cache_folders(batch.node_cache, os.environ).items():
        Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[name] = folder

    from snakemake.cli import main as snakemake
    from snakemake.logging import logger

    logger.addFilter(Marks(batch))
    if len(targets) > 1:
        install()
    snakemake([*arguments[1:], *(["--target-jobs", *targets] if targets else [])])


if __name__ == "__main__":
    main(sys.argv[1:])
