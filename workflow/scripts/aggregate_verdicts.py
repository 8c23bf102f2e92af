"""Judge every claim by the metric rows of the tier."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.reporting.verdicts import make_verdicts
    from rerender.workflow.pages import write_page

    html = Path(snakemake.output.html)
    make_verdicts(
        Path(snakemake.input.metrics),
        Path(snakemake.input.claims[0]).parent,
        html.with_suffix(""),
        snakemake.wildcards.tier,
        snakemake.params.blocked,
    )
    write_page(html, html.with_suffix(".md"))
