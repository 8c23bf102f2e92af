"""Draw one figure: PNG for people, PDF for papers, and the plotted data."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.figures import make_figure
    from rerender.papers.metamers.grid import cells, finished_runs
    from rerender.reporting.captions import Names

    expected = cells(snakemake.params.grid)
    make_figure(
        snakemake.wildcards.name,
        finished_runs(expected, snakemake.input),
        Path(snakemake.output.png).with_suffix(""),
        tier=snakemake.wildcards.tier,
        expected=expected,
        names=Names(**snakemake.params.names),
    )
