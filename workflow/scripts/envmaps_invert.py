"""Recover one turned sky from one scene by all representations, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.experiment import RunRequest, run_job
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import inversion_request

    folder = Path(snakemake.output.final).parent
    request: RunRequest = inversion_request(snakemake, weight_files(snakemake))
    # unfinished inversions keep their checkpoints outside the declared outputs, which Snakemake deletes when a job fails
    run_job(
        request,
        Code.of("rerender.papers.envmaps.experiment"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[5] / "state",
    )
