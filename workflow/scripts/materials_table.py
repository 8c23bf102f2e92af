"""Make one table, and the page that the report shows."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.grid import described
    from rerender.papers.materials.tables import make_table
    from rerender.reporting.captions import Names
    from rerender.workflow.pages import write_page

    html = Path(snakemake.output.html)
    make_table(
        snakemake.wildcards.name,
        snakemake.input.metrics,
        snakemake.input.published,
        html.with_suffix(""),
        tier=snakemake.wildcards.tier,
        settings=described(snakemake.params.grid),
        names=Names(**snakemake.params.names),
    )
    write_page(html, html.with_suffix(".md"))
