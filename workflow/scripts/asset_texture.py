"""Prepare a texture as linear RGB, from its file or its procedural stand-in."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.prepare import prepare_texture, write_sidecar
    from rerender.rendering.bitmaps import read_image, write_exr
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    prepared = prepare_texture(snakemake.wildcards.name, asset_places(snakemake), read_image=read_image)
    write_exr(snakemake.output.texture, prepared.pixels)
    write_sidecar(snakemake.output.provenance, prepared.provenance)
