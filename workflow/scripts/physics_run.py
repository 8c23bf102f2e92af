"""Run one physics job by all of its methods, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.grid import Job
    from rerender.papers.physics.requests import run_job

    wildcards, folder = snakemake.wildcards, Path(snakemake.output.final).parent
    run_job(
        Job(snakemake.params.experiment, wildcards.mode, int(wildcards.seed)),
        snakemake.params.settings,
        wildcards.tier,
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[3] / "state",
        threads=snakemake.threads,
    )
