"""Join the metric rows of all jobs of materials into one table, with what is derived from pairs of them."""

from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.derived import collect

    collect(snakemake.input, snakemake.output[0])
