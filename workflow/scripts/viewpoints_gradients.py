"""Compare the derivatives of pictures with finite differences."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.gradients import check_gradients
    from rerender.papers.viewpoints.settings import GradientSettings
    from rerender.provenance.manifest import Code

    check_gradients(
        snakemake.wildcards.scene,
        Path(snakemake.input.scene),
        GradientSettings(**snakemake.params.settings),
        Path(snakemake.output[0]),
        Code.of("rerender.papers.viewpoints.gradients"),
        snakemake.params.stack,
        tier=snakemake.wildcards.tier,
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
