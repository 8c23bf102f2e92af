"""Prepare a scene's measured BSDF, with its provenance."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.prepare import prepare_bsdf

    prepare_bsdf(
        snakemake.wildcards.scene,
        asset_places(snakemake),
        snakemake.output.bsdf,
        snakemake.output.provenance,
    )
