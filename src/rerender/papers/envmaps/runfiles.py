"""Where an envmaps job keeps its files, and one cell of the expected grid. Light: imports no numerics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rerender.core.errors import UserError
from rerender.papers.envmaps.specs import InversionMode
from rerender.reporting.jobfiles import JobFiles

INITIAL = "initial"
"""The row for doing nothing: the initial map against the true one."""


@dataclass(frozen=True)
class RunFiles(JobFiles):
    """One finished job: `{folder}` is `…/runs/{experiment}/{scene}/{envmap}/{mode}/s{seed}`."""

    experiment: str
    scene: str
    envmap: str
    mode: str
    seed: int

    @classmethod
    def at(cls, folder: Path | str) -> RunFiles:
        """Take the job's name from the last five parts of the folder."""
        folder = Path(folder)
        parts = folder.parts[-5:]
        if len(parts) < 5 or not (parts[4][:1] == "s" and parts[4][1:].isdigit()):
            raise UserError(
                f"{folder} is not the folder of an envmaps run",
                "It must end in {experiment}/{scene}/{envmap}/{mode}/s{seed}, such as shift/horse/clear/paper_like/s1.",
            )
        experiment, scene, envmap, mode, seed = parts
        return cls(folder, experiment, scene, envmap, mode, int(seed[1:]))


@dataclass(frozen=True, order=True)
class Job:
    """One job of the grid: what a process inverts together. `representations` are its rows."""

    experiment: str
    scene: str
    envmap: str
    mode: InversionMode
    seed: int
    representations: tuple[str, ...]

    @property
    def path(self) -> str:
        """The job's folder below `runs/`."""
        return f"{self.experiment}/{self.scene}/{self.envmap}/{self.mode}/s{self.seed}"


@dataclass(frozen=True, order=True)
class Expected:
    """One inversion of the grid. `blocked` is the reason when it cannot run here, such as "weights"."""

    experiment: str
    scene: str
    envmap: str
    mode: str
    seed: int
    representation: str
    blocked: str | None = None
