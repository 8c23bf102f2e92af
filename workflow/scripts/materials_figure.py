"""Draw one figure: PNG for people, PDF for papers, and the plotted data."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.figures import Shown, make_figure
    from rerender.papers.materials.grid import Job, described
    from rerender.reporting.captions import Names

    metrics = snakemake.input.get("metrics")
    shown = Shown(
        [(Job(*path.parts[-5:-1]), path) for path in map(Path, snakemake.input.get("runs", []))],
        Path(metrics) if metrics else None,
        snakemake.wildcards.tier,
        described(snakemake.params.grid),
        Names(**snakemake.params.names),
        [Path(file) for file in snakemake.input.get("traced", [])],
    )
    make_figure(snakemake.wildcards.name, shown, Path(snakemake.output.png).with_suffix(""))
