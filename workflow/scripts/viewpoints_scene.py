"""Prepare the painted mesh of a scene."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.scenes import prepare_scene
    from rerender.papers.viewpoints.settings import ScanSettings

    settings, files = snakemake.params.settings, snakemake.input
    prepare_scene(
        snakemake.wildcards.scene,
        Path(snakemake.output.scene).parent,
        cell=settings["cell"] or 0.0,
        scan=ScanSettings(**settings["scan"]) if settings["scan"] else None,
        mesh=Path(files.mesh) if files.get("mesh") else None,
        mesh_origin=Path(files.mesh_origin) if files.get("mesh") else None,
    )
