"""Recover materials from a user's own capture, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.own import run_own
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import own_capture_request

    folder = Path(snakemake.output.panel).parent
    run_own(
        own_capture_request(snakemake),
        Code.of("rerender.papers.materials.own"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[1] / "state",
    )
