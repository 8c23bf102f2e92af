"""Prepare the mesh of a scene: check it, place it in the scene, write it as PLY with its provenance."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.prepare import prepare_mesh

    prepare_mesh(
        snakemake.wildcards.scene, asset_places(snakemake), snakemake.output.mesh, snakemake.output.provenance
    )
