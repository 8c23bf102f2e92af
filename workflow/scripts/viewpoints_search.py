"""Search for the cameras of one job, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.experiment import run_search
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import search_request

    folder = Path(snakemake.output.final).parent
    # unfinished descents keep their checkpoints outside the declared outputs, which Snakemake deletes when a job fails
    run_search(
        search_request(snakemake),
        Code.of("rerender.papers.viewpoints.experiment"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[3] / "state",
    )
