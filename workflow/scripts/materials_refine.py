"""Bake fitted networks to textures and refine these, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.refine import run_refinement
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import refine_request

    folder = Path(snakemake.output.final).parent
    run_refinement(
        refine_request(snakemake),
        Code.of("rerender.papers.materials.refine"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[4] / "state",
    )
