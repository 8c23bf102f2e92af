"""A small workflow of fits by the real loop, for the tests of survival: what it is, where it stands, what must come out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.fitting.toy import SETTINGS as QUICK
from tests.fitting.toy import noisy, outcome, run, same
from tests.slurm.conftest import Project

from rerender.core.files import Tree, load_tree
from rerender.provenance.manifest import read_manifest

SETTINGS = replace(QUICK, checkpoint_seconds=0.3)
STEPS, SECONDS = 100, 0.06
SNAKEFILE = """
rule fit:
    output: final="out/{{k}}/final.npz", manifest="out/{{k}}/manifest.json"
    log: "logs/{{k}}.log"
    threads: 1
    resources: gpu=1, mem_mb=700, runtime=5, slurm_partition=lambda w: "scavenge" if w.k == "scavenged" else "gpu"
    params: state="state/{{k}}", steps={steps}, seconds=lambda w: 0.35 if w.k == "late" else {seconds}, megabytes=lambda w: 900 if w.k == "greedy" else 0
    script: "{script}"

rule all:
    input: expand("out/{{k}}/final.npz", k={names})
    localrule: True
"""


@dataclass(frozen=True)
class Fit:
    """One fit of a project."""

    project: Project
    name: str

    @property
    def state(self) -> Path:
        return self.project.folder / "state" / self.name

    def starts(self) -> list[tuple[str, str, int]]:
        """Return Slurm job, node and process of every start so far."""
        file = self.state / "starts.txt"
        rows = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [(job, node, int(pid)) for job, node, pid in rows]

    def steps(self) -> list[int]:
        """Return the iteration of every step that was begun, over all starts."""
        file = self.state / "steps.txt"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def has_saved(self) -> bool:
        """Say whether there is more than one checkpoint."""
        return len(self.steps()) > 10 and len(list((self.state / "fit").glob("checkpoint-*"))) > 1

    def finished(self) -> bool:
        return (self.project.folder / "out" / self.name / "manifest.json").exists()

    def check(self, *, starts: int, lost: int) -> None:
        """The result is that of an undisturbed fit, and the manifest tells of the starts.

        `lost`: how many steps may have been made twice.
        """
        folder = self.project.folder / "out" / self.name
        history = read_manifest(folder / "manifest.json")["run"]
        assert len(self.starts()) == starts
        assert history["attempts"] == starts
        assert (history["resumed_from"] is None) == (starts == 1)
        assert set(self.steps()) == set(range(STEPS))
        assert len(self.steps()) - STEPS <= lost
        assert same(load_tree(folder / "final.npz"), undisturbed())


@cache
def undisturbed() -> Tree:
    """Return what a fit gives that nothing happens to."""
    with tempfile.TemporaryDirectory() as folder:
        return outcome(run(noisy(), Path(folder) / "fit", replace(SETTINGS, iterations=STEPS)))


def prepare(project: Project, *names: str) -> tuple[Fit, ...]:
    """Write the workflow with some fits into a project."""
    here = Path(__file__).resolve()
    text = SNAKEFILE.format(
        steps=STEPS,
        seconds=SECONDS,
        script=here.with_name("fit_job.py"),
        names=list(names),
    )
    (project.folder / "Snakefile").write_text(text)
    return tuple(Fit(project, name) for name in names)
