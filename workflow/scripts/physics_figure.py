"""Draw one figure: PNG for people, PDF for papers, and the plotted data."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.figures import make_figure

    make_figure(
        snakemake.wildcards.name,
        [Path(file) for file in snakemake.input.data],
        Path(snakemake.input.published),
        Path(snakemake.output.png).with_suffix(""),
        tier=snakemake.wildcards.tier,
        names=snakemake.params.names,
    )
