"""Prepare a light: check the captured map and reduce it, or bake the analytic sky that stands in for it."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.prepare import prepare_envmap, write_sidecar
    from rerender.rendering.bitmaps import read_image, write_exr
    from rerender.rendering.skies import bake_sky
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    prepared = prepare_envmap(
        snakemake.wildcards.envmap,
        asset_places(snakemake),
        int(snakemake.wildcards.height),
        read_image=read_image,
        bake_sky=bake_sky,
    )
    write_exr(snakemake.output.envmap, prepared.pixels)
    write_sidecar(snakemake.output.provenance, prepared.provenance)
