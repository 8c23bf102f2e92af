"""Time steps of more and more tetrahedra."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.growth import make_growth
    from rerender.papers.physics.specs import GrowthSettings
    from rerender.provenance.manifest import Code
    from rerender.runtime.device import choose_variant, torch_device

    make_growth(
        GrowthSettings(**snakemake.params.settings),
        Code.of("rerender.papers.physics.growth"),
        snakemake.params.stack,
        tier=snakemake.wildcards.tier,
        rows=Path(snakemake.output.rows),
        manifest=Path(snakemake.output.manifest),
        threads=snakemake.threads,
        device=torch_device(choose_variant(snakemake.params.variant)),
    )
