"""Slurm jobs that outlived the Snakemake that submitted them: they are taken over, or stopped, never run twice.

Every call of Snakemake has a folder of batches that it holds a lock on, with a heartbeat. A folder whose lock is stale
belongs to a call that was killed. What its jobs have finished counts, what they still do is waited for; a job whose
inputs or parameters are different by now is cancelled first.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rerender.core.errors import UserError
from rerender.runtime.locks import run_lock
from snakemake_executor_plugin_patient_slurm.batches import DONE, FAILED, Batch
from snakemake_executor_plugin_patient_slurm.status import ENDED, ask, parse, squeue

Ask = Callable[[Sequence[str]], str]
PAUSE = 5.0


def patiently(command: Sequence[str], complain: Callable[[str], None] = lambda text: None) -> str:
    """Return what a Slurm command prints, asking until there is an answer."""
    while (said := ask(command)) is None:
        complain(f"Slurm does not answer to {command[0]}; asking again every {PAUSE:.0f} s.")
        time.sleep(PAUSE)
    return said


@dataclass(frozen=True)
class Claim:
    """A member of an earlier batch: finished, or on its way in a Slurm job that still lives."""

    batch: Batch
    number: int
    job: str

    @property
    def done(self) -> bool:
        """Say whether it has finished."""
        return self.batch.is_marked(self.number, DONE)


class Earlier:
    """The batches of earlier calls that are dead. `names` are the names of their Slurm jobs that live."""

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self._locks = ExitStack()
        self._claims: dict[str, Claim] = {}
        self._dead: list[Path] = []
        self.names: list[str] = []
        for folder in sorted(root.iterdir()) if root.is_dir() else []:
            try:
                self._locks.enter_context(run_lock(folder))
            except UserError:
                continue  # that Snakemake lives
            self._take_over(folder)
        if self._claims:
            done = sum(claim.done for claim in self._claims.values())
            say(
                f"An earlier Snakemake was killed: {done} of its jobs have finished since and count, "
                f"{len(self._claims) - done} are still queued or running and are waited for."
            )

    def _take_over(self, folder: Path) -> None:
        live = self._live(folder.name)
        batches = [Batch.read(path.parent) for path in sorted(folder.glob("*/batch.json"))]
        known = {batch.slurm_job(): batch for batch in batches}
        for job in live - known.keys():
            ask(["scancel", job])  # it was submitted, but died before that was written down
        for job, batch in known.items():
            for number, member in enumerate(batch.members):
                finished = batch.is_marked(number, DONE)
                if finished or (job in live and not batch.is_marked(number, FAILED)):
                    self._claims[member.key] = Claim(batch, number, job)
        if live:
            self.names.append(folder.name)
        self._dead.append(folder)

    def _live(self, name: str) -> set[str]:
        states = parse(patiently(squeue([name]), self._say))
        return {job for job, state in states.items() if state not in ENDED}

    def claim(self, key: str, digest: str) -> Claim | None:
        """Return what an earlier call did, or does, for a job. Stops it first if it works from other inputs."""
        claim = self._claims.pop(key, None)
        if claim is None or claim.batch.members[claim.number].digest == digest:
            return claim
        if claim.job in self._live(claim.batch.folder.parent.name):
            self._say(
                f"Slurm job {claim.job} works from inputs or parameters that have changed; it is stopped."
            )
            ask(["scancel", claim.job])
            while claim.job in self._live(claim.batch.folder.parent.name):
                time.sleep(1)
        return None

    def close(self) -> None:
        """Let go of the folders, and remove those of whose jobs none lives."""
        self._locks.close()
        for folder in self._dead:
            said = ask(squeue([folder.name])) if folder.name in self.names else ""
            if said is not None and not set(parse(said).values()) - ENDED:
                shutil.rmtree(folder, ignore_errors=True)
