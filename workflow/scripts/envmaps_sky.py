"""Prepare an initial map: the upper half of a captured sky, or a procedural sky with clouds."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.prepare import write_sidecar
    from rerender.papers.envmaps.skies import sky_upper
    from rerender.rendering.bitmaps import write_exr
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    prepared = sky_upper(snakemake.wildcards.envmap, asset_places(snakemake), int(snakemake.wildcards.height))
    write_exr(snakemake.output.map, prepared.pixels)
    write_sidecar(snakemake.output.provenance, prepared.provenance)
