"""Draw one figure: PNG for people, PDF for papers, and the plotted data."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.figures import Shown, make_figure
    from rerender.papers.viewpoints.grid import Job, described
    from rerender.reporting.captions import Names

    runs = [Path(file) for file in snakemake.input.get("runs", [])]
    basins = snakemake.input.get("basins")
    metrics = snakemake.input.get("metrics")
    shown = Shown(
        [(Job(*path.parts[-4:-1]), path) for path in runs],
        Path(basins[0] if isinstance(basins, list) else basins) if basins else None,
        Path(metrics[0] if isinstance(metrics, list) else metrics) if metrics else None,
        snakemake.wildcards.tier,
        described(snakemake.params.grid),
        Names(**snakemake.params.names),
    )
    make_figure(snakemake.wildcards.name, shown, Path(snakemake.output.png).with_suffix(""))
