"""Make the video of one job: a column a representation, its map above its rendering."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.bakes import Place
    from rerender.papers.envmaps.runfiles import RunFiles
    from rerender.papers.envmaps.videos import make_run_video
    from rerender.rendering.variants import start_variant
    from rerender.reporting.captions import Names

    settings, transport = snakemake.params.settings, snakemake.input.get("transport")
    if not transport:
        start_variant(snakemake.params.variant, threads=snakemake.threads)
    make_run_video(
        RunFiles.at(Path(snakemake.input.final).parent),
        snakemake.output[0],
        place=Place(
            snakemake.wildcards.scene,
            Path(snakemake.input.parts),
            settings["image_size"],
            tuple(settings["map_shape"]),
        ),
        transport=Path(transport) if transport else None,
        floor_level=settings["floor_level"],
        spp=settings["spp"],
        names=Names(**snakemake.params.names),
    )
