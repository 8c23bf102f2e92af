"""Draw how many claims got which verdict, and every printed number beside ours."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.reporting.scoreboard import save_scoreboard

    save_scoreboard(
        Path(snakemake.input[0]), Path(snakemake.output.png).with_suffix(""), snakemake.wildcards.tier
    )
