"""Judge the finished runs of one scene and light on renders with seeds of their own."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.evaluate import EvaluateRequest, EvaluationFiles, evaluate_runs
    from rerender.papers.metamers.runfiles import RunFiles
    from rerender.papers.metamers.settings import EvaluationSettings
    from rerender.workflow.requests import scene_files

    settings = EvaluationSettings(**snakemake.params.settings)
    evaluate_runs(
        EvaluateRequest(
            **snakemake.params.value,
            files=scene_files(snakemake),
            runs=tuple(RunFiles.at(Path(file).parent, settings.family) for file in snakemake.input.finals),
            settings=settings,
            weights=weight_files(snakemake),
            tier=snakemake.wildcards.tier,
            code=snakemake.params.code,
            variant=snakemake.params.variant,
            threads=snakemake.threads,
        ),
        EvaluationFiles.at(Path(snakemake.output.metrics).parent),
    )
