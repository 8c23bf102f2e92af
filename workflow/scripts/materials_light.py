"""Prepare a light of the materials experiments."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.material_objects import material_light
    from rerender.catalogue.prepare import write_sidecar
    from rerender.rendering.bitmaps import read_image, write_exr
    from rerender.rendering.skies import bake_sky
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    prepared = material_light(
        snakemake.wildcards.envmap,
        asset_places(snakemake),
        snakemake.params.settings["height"],
        read_image=read_image,
        bake_sky=bake_sky,
    )
    write_exr(snakemake.output.light, prepared.pixels)
    write_sidecar(snakemake.output.provenance, prepared.provenance)
