"""Join the metric tables of all papers into one."""

from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    import polars as pl

    from rerender.core.files import atomic_path
    from rerender.reporting.rows import read_metrics

    table = pl.concat([read_metrics(path) for path in snakemake.input])
    with atomic_path(snakemake.output[0]) as partial:
        table.write_parquet(partial)
