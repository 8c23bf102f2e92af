"""Make the video of one job: truth, first guess and what was found, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.grid import Job, RunFiles
    from rerender.papers.physics.specs import RasterSettings, RigidMassSettings
    from rerender.papers.physics.videos import make_rigid_video

    wildcards, settings = snakemake.wildcards, snakemake.params.settings
    make_rigid_video(
        RunFiles(Path(snakemake.input.final).parent),
        snakemake.output[0],
        job=Job(wildcards.experiment, wildcards.mode, int(wildcards.seed)),
        settings=RigidMassSettings(**settings["experiment"]),
        raster=RasterSettings(**settings["raster"]),
        tier=wildcards.tier,
    )
