"""Fit materials to a capture by one method, for all seeds, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.experiment import run_fits
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import materials_request

    folder = Path(snakemake.output.final).parent
    # unfinished fits keep their checkpoints outside the declared outputs, which Snakemake deletes when a job fails
    run_fits(
        materials_request(snakemake),
        Code.of("rerender.papers.materials.experiment"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[4] / "state",
    )
