"""Make the video of the first job of every experiment, in one process: most of a single one's time is imports."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.grid import Job
    from rerender.papers.physics.requests import make_video
    from rerender.reporting.jobfiles import JobFiles

    shown = snakemake.params.shown
    for job, final, out in zip(shown["jobs"], snakemake.input, snakemake.output, strict=True):
        make_video(
            Job(*job),
            shown["settings"][job[0]],
            snakemake.wildcards.tier,
            JobFiles(Path(final).parent),
            out,
        )
