"""Render the target views of one scene under one light."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.metamers.references import make_references
    from rerender.papers.metamers.settings import ReferenceSettings
    from rerender.workflow.requests import scene_files

    make_references(
        **snakemake.params.value,
        files=scene_files(snakemake),
        settings=ReferenceSettings(**snakemake.params.settings),
        out=Path(snakemake.output.views),
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
