"""Fit one target as corrected and with behaviours of the released code, and judge all alike."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.ablations import AblationRequest, run_ablation
    from rerender.papers.metamers.optimise import RunRecord, RunRequest
    from rerender.papers.metamers.settings import EvaluationSettings
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import run_settings, scene_files

    comparison, out = snakemake.params.comparison, Path(snakemake.output.metrics)
    run = RunRequest(
        **snakemake.params.value,
        files=scene_files(snakemake),
        references=Path(snakemake.input.references),
        model=snakemake.wildcards.model,
        seed=1,
        settings=run_settings(snakemake, comparison["settings"]),
        weights=weight_files(snakemake),
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
    request = AblationRequest(
        run,
        switches=tuple(comparison["switches"]),
        seeds=comparison["seeds"],
        evaluation=EvaluationSettings(**comparison["evaluation"]),
        tier=snakemake.wildcards.tier,
        code=snakemake.params.code,
    )
    record = RunRecord(Code.of("rerender.papers.metamers.ablations"), snakemake.params.stack)
    run_ablation(request, record, out=out, state_root=out.parents[4] / "state")
