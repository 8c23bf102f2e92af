"""Gather the meshes and textures of a scene in one file, with their provenance."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.scenes import prepare_scene
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    prepare_scene(
        snakemake.params.value["scene"],
        asset_places(snakemake),
        snakemake.output.parts,
        snakemake.output.provenance,
    )
