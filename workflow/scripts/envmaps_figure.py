"""Draw one figure: PNG for people, PDF for papers, and the plotted data."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.figures import FigureFiles, make_figure
    from rerender.papers.envmaps.grid import described
    from rerender.reporting.captions import Names

    settings, expected = described(snakemake.params.grid)
    make_figure(
        snakemake.wildcards.name,
        FigureFiles.of(dict(snakemake.input.items())),
        Path(snakemake.output.png).with_suffix(""),
        tier=snakemake.wildcards.tier,
        settings=settings,
        expected=expected,
        names=Names(**snakemake.params.names),
    )
