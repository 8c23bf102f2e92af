"""Make the mosaic of one scene and light: all models side by side, synchronised by iteration."""

from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.grid import cells, finished_runs
    from rerender.papers.metamers.videos import make_mosaic
    from rerender.reporting.captions import Names

    runs = finished_runs(cells(snakemake.params.grid), snakemake.input)
    make_mosaic(runs, snakemake.output[0], names=Names(**snakemake.params.names))
