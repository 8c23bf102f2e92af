"""Make one of the user's own edits, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script, weight_files

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.fitting.progress import StreamProgress
    from rerender.papers.envmaps.own_edits import make_edit, summary
    from rerender.provenance.manifest import Code
    from rerender.workflow.requests import edit_request

    folder = Path(snakemake.output.panel).parent
    measured = make_edit(
        edit_request(snakemake, weight_files(snakemake)),
        Code.of("rerender.papers.envmaps.own_edits"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[1] / "state",
        progress=StreamProgress,
    )
    print("\n".join(summary(measured)))
