"""Take the target pictures of an object under a light."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.capture import make_capture
    from rerender.papers.materials.settings import CaptureSettings

    make_capture(
        snakemake.wildcards.mode,
        snakemake.wildcards.scene,
        {name: Path(file) for name, file in snakemake.input.items()},
        CaptureSettings(**snakemake.params.settings),
        Path(snakemake.output.capture),
        Path(snakemake.output.provenance),
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )
