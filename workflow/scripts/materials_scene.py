"""Prepare an object with its true materials."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.material_objects import save_materials, true_materials
    from rerender.catalogue.prepare import write_sidecar
    from rerender.rendering.bitmaps import read_image
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    found, provenance = true_materials(
        snakemake.wildcards.scene,
        asset_places(snakemake),
        snakemake.params.settings["map_size"],
        read_image=read_image,
    )
    save_materials(snakemake.output.scene, found)
    write_sidecar(snakemake.output.provenance, provenance)
