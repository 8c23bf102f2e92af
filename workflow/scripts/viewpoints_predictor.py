"""Train a predictor of views from the search's results, and judge it in rooms that it never saw."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.predictor import train_and_judge
    from rerender.papers.viewpoints.settings import PredictorSettings
    from rerender.provenance.manifest import Code

    train_and_judge(
        PredictorSettings(**snakemake.params.settings["predictor"]),
        snakemake.params.settings["segments"],
        Path(snakemake.output.metrics),
        Path(snakemake.output.network),
        Code.of("rerender.papers.viewpoints.predictor"),
        snakemake.params.stack,
        tier=snakemake.wildcards.tier,
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
