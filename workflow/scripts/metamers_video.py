"""Make the videos of one scene and light: one a run, and all models side by side, synchronised by iteration."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.grid import cells, finished_runs
    from rerender.papers.metamers.videos import make_mosaic, make_run_videos, make_turntable
    from rerender.reporting.captions import Names

    runs = finished_runs(cells(snakemake.params.grid), [snakemake.input.views])
    names = Names(**snakemake.params.names)
    make_run_videos(runs, Path(snakemake.output.runs), names=names)
    make_mosaic(runs, snakemake.output.mosaic, names=names)
    make_turntable(runs, snakemake.output.turntable, names=names)
