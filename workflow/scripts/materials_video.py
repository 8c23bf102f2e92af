"""Write the turntable of an object: its true materials, and those that the two methods found."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.settings import PictureSettings
    from rerender.papers.materials.videos import VideoRequest, make_video

    settings, files = snakemake.params.settings, snakemake.input
    make_video(
        VideoRequest(
            title=settings["title"],
            scene=Path(files.scene),
            light=Path(files.light),
            relight=Path(files.relight),
            finals={Path(file).parent.name: Path(file) for file in files.finals},
            resolution=settings["resolution"],
            settings=PictureSettings(**settings["pictures"]),
            variant=snakemake.params.variant,
            threads=snakemake.threads,
        ),
        snakemake.output.video,
        snakemake.output.traced,
    )
