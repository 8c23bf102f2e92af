"""Draw one example of each paper from the data of their figures."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.reporting.overview import save_overview

    save_overview(
        {paper: Path(file) for paper, file in snakemake.input.items()},
        Path(snakemake.output.png).with_suffix(""),
        snakemake.wildcards.tier,
    )
