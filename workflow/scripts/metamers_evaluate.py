"""Judge one finished run on renders with seeds of their own."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.evaluate import EvaluateRequest, evaluate_run
    from rerender.papers.metamers.runfiles import RunFiles
    from rerender.papers.metamers.settings import EvaluationSettings
    from rerender.workflow.requests import scene_files

    settings = EvaluationSettings(**snakemake.params.settings)
    evaluate_run(
        EvaluateRequest(
            **snakemake.params.value,
            files=scene_files(snakemake),
            run=RunFiles.at(Path(snakemake.input.final).parent, settings.family),
            settings=settings,
            weights=weight_files(snakemake),
            tier=snakemake.wildcards.tier,
            code=snakemake.params.code,
            variant=snakemake.params.variant,
            threads=snakemake.threads,
        )
    )
