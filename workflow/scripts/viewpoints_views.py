"""Choose views for the segments of a room, and judge them beside others."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.settings import ViewSettings, WordSettings
    from rerender.papers.viewpoints.viewsets import compare_views
    from rerender.provenance.manifest import Code

    settings = snakemake.params.settings
    compare_views(
        snakemake.wildcards.scene,
        Path(snakemake.input.scene),
        ViewSettings(**settings["views"]),
        Path(snakemake.output.metrics),
        Path(snakemake.output.cameras),
        Code.of("rerender.papers.viewpoints.viewsets"),
        snakemake.params.stack,
        tier=snakemake.wildcards.tier,
        words=WordSettings(**settings["words"]) if settings["words"] else None,
        weights=weight_files(snakemake),
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
