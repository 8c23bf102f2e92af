"""Prepare an initial map: the upper half of a captured sky, or a procedural sky with clouds."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.skies import prepare_sky, write_sky
    from rerender.rendering.variants import start_variant

    start_variant(snakemake.params.variant, threads=snakemake.threads)
    captured = snakemake.input.get("captured")
    sky = prepare_sky(
        snakemake.wildcards.envmap, int(snakemake.wildcards.height), Path(captured) if captured else None
    )
    write_sky(snakemake.output.map, sky)
