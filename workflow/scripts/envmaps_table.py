"""Make one publication table, ours beside the published numbers, and the page that the report shows."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.edit_table import make_edit_table
    from rerender.papers.envmaps.grid import described
    from rerender.papers.envmaps.tables import make_table
    from rerender.reporting.captions import Names
    from rerender.workflow.pages import write_page

    html = Path(snakemake.output.html)
    settings, expected = described(snakemake.params.grid)
    shown = {
        "tier": snakemake.wildcards.tier,
        "settings": settings,
        "names": Names(**snakemake.params.names),
    }
    stem, metrics = html.with_suffix(""), snakemake.input.metrics
    if snakemake.wildcards.name == "edits":
        make_edit_table(metrics, stem, **shown)
    else:
        make_table(
            snakemake.wildcards.name, metrics, snakemake.input.published, stem, expected=expected, **shown
        )
    write_page(html, html.with_suffix(".md"))
