"""Make the video of one run: target, current render and error."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.runfiles import RunFiles
    from rerender.papers.metamers.videos import make_run_video
    from rerender.reporting.captions import Names

    run = RunFiles.at(Path(snakemake.input.frames).parent, snakemake.params.family)
    make_run_video(run, snakemake.output[0], names=Names(**snakemake.params.names))
