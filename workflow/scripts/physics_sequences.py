"""Draw motions of finished runs: their moments blended into pictures (Figure 3), and frames for print."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.grid import Job
    from rerender.papers.physics.requests import make_pictures
    from rerender.reporting.jobfiles import JobFiles

    shown = snakemake.params.shown
    make_pictures(
        [Job(*job) for job in shown["jobs"]],
        shown["settings"],
        snakemake.wildcards.tier,
        [JobFiles(Path(file).parent) for file in snakemake.input],
        Path(snakemake.output.blends).with_suffix(""),
        Path(snakemake.output.frames).with_suffix(""),
    )
