"""Search for the shape or the material of one run, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.optimise import RunRecord, RunRequest, optimise_run
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import run_settings, scene_files

    folder = Path(snakemake.output.final).parent
    request = RunRequest(
        **snakemake.params.value,
        files=scene_files(snakemake),
        references=Path(snakemake.input.references),
        model=snakemake.wildcards.model,
        seed=int(snakemake.wildcards.seed),
        settings=run_settings(snakemake),
        weights=weight_files(snakemake),
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
    record = RunRecord(Code.of("rerender.papers.metamers.optimise"), snakemake.params.stack)
    # unfinished runs keep their checkpoints outside the declared outputs, which Snakemake deletes when a job fails
    optimise_run(request, record, folder=folder, state_root=folder.parents[4] / "state")
