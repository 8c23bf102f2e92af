"""Write what a named run leaves for people: parameters, pictures, animation and video."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.named import present_run

    files = snakemake.input
    present_run(
        Path(files.scene),
        Path(files.final),
        Path(files.trace),
        Path(snakemake.output.parameters).parent,
        method=snakemake.wildcards.mode,
        size=snakemake.params.settings["size"],
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
