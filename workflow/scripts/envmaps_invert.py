"""Recover one turned sky from one scene by all representations in all modes, or carry on where an interrupted attempt stopped."""

from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.experiment import run_jobs
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import inversion_requests

    requests = inversion_requests(snakemake, weight_files(snakemake))
    # unfinished inversions keep their checkpoints outside the declared outputs, which Snakemake deletes when a job fails
    run_jobs(
        requests,
        Code.of("rerender.papers.envmaps.experiment"),
        snakemake.params.stack,
        state_root=next(iter(requests)).parents[5] / "state",
    )
