"""Map from where searches find the camera, and the loss over cameras."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.viewpoints.basins import map_basins
    from rerender.papers.viewpoints.settings import BasinSettings, CameraSettings, SearchSettings

    settings = snakemake.params.settings
    map_basins(
        Path(snakemake.input.scene),
        CameraSettings(**settings["camera"]),
        SearchSettings(**settings["search"]),
        BasinSettings(**settings["basins"]),
        Path(snakemake.output[0]),
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
