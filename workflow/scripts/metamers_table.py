"""Make one publication table in all its formats, and the page that the report shows."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.grid import ablation_cases, cells
    from rerender.papers.metamers.tables import make_table
    from rerender.reporting.captions import Names
    from rerender.workflow.pages import write_page

    html = Path(snakemake.output.html)
    make_table(
        snakemake.wildcards.name,
        snakemake.input.metrics,
        html.with_suffix(""),
        tier=snakemake.wildcards.tier,
        expected=cells(snakemake.params.grid),
        names=Names(**snakemake.params.names),
        files=snakemake.input.get("files", ()),
        cases=ablation_cases(snakemake.params.grid),
    )
    write_page(html, html.with_suffix(".md"))
