"""Run the demos, and draw their figures and videos."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.demo_job import DemoRequest, make_demos
    from rerender.papers.physics.demo_specs import DemoSettings
    from rerender.papers.physics.specs import RasterSettings
    from rerender.provenance.manifest import Code

    settings, folder = snakemake.params.settings, Path(snakemake.output.final).parent
    make_demos(
        DemoRequest(
            DemoSettings(**settings["demos"]),
            RasterSettings(**settings["raster"]),
            snakemake.wildcards.tier,
            snakemake.threads,
        ),
        Code.of("rerender.papers.physics.demo_job"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parent / "state",
        figures=Path(snakemake.output.figures[0]).parent,
        videos=Path(snakemake.output.videos[0]).parent,
    )
