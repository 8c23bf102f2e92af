"""Estimate the objects of one job by all methods, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.grid import Job
    from rerender.papers.physics.rigid_mass import RigidMassRequest, run_rigid_mass
    from rerender.papers.physics.specs import RasterSettings, RigidMassSettings
    from rerender.provenance.manifest import Code

    wildcards, settings = snakemake.wildcards, snakemake.params.settings
    folder = Path(snakemake.output.final).parent
    run_rigid_mass(
        RigidMassRequest(
            Job(wildcards.experiment, wildcards.mode, int(wildcards.seed)),
            RigidMassSettings(**settings["experiment"]),
            RasterSettings(**settings["raster"]),
            wildcards.tier,
            snakemake.threads,
        ),
        Code.of("rerender.papers.physics.rigid_mass"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[3] / "state",
    )
