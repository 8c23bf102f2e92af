"""Render the three modes of the released code: single view, turntable and grid."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.settings import StillSettings
    from rerender.papers.viewpoints.stills import render_stills

    render_stills(
        Path(snakemake.input.scene),
        StillSettings(**snakemake.params.settings),
        Path(snakemake.output.single).parent,
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
