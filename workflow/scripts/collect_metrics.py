"""Join the metric rows of all runs of a paper into one table."""

from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.reporting.rows import aggregate

    aggregate(snakemake.input, snakemake.output[0])
