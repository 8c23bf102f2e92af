"""Write the histories of all fits as files that TensorBoard opens."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.materials.logs import write_logs

    write_logs([Path(file).parent for file in snakemake.input.traces], Path(snakemake.output[0]))
