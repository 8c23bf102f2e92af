"""Sweep the mass of a cube, mass and restitution of one that bounces, and the Lamé parameters of a beam, for Figure 2."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.landscape import make_landscape
    from rerender.papers.physics.specs import LandscapeSettings
    from rerender.provenance.manifest import Code

    make_landscape(
        LandscapeSettings(**snakemake.params.settings),
        Code.of("rerender.papers.physics.landscape"),
        snakemake.params.stack,
        tier=snakemake.wildcards.tier,
        curves=Path(snakemake.output.curves),
        lame=Path(snakemake.output.lame),
        drop=Path(snakemake.output.drop),
        metrics=Path(snakemake.output.metrics),
        manifest=Path(snakemake.output.manifest),
        threads=snakemake.threads,
    )
