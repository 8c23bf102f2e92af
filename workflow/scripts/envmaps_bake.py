"""Bake the light transport of one scene at one roughness."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.bakes import Place, bake_place
    from rerender.rendering.variants import start_variant

    settings = snakemake.params.settings
    start_variant(snakemake.params.variant, threads=snakemake.threads)
    place = Place(
        snakemake.wildcards.scene,
        Path(snakemake.input.parts),
        settings["image_size"],
        tuple(settings["map_shape"]),
    )
    bake_place(place, settings["samples"], snakemake.output[0])
