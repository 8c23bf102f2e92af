"""Make the video of one job: truth, first guess and what was found, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.grid import Job
    from rerender.papers.physics.requests import make_video
    from rerender.reporting.jobfiles import JobFiles

    wildcards = snakemake.wildcards
    make_video(
        Job(wildcards.experiment, wildcards.mode, int(wildcards.seed)),
        snakemake.params.settings,
        wildcards.tier,
        JobFiles(Path(snakemake.input.final).parent),
        snakemake.output[0],
    )
