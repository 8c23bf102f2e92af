"""Build the Snakemake report of a tier: one zip with every table, figure and video.

Runs Snakemake a second time, which only reads what the finished jobs left behind.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.core.errors import UserError

    # the folder inside the archive is named after the file, so only the folder around it can be temporary
    with tempfile.TemporaryDirectory(dir=Path(snakemake.output[0]).parent) as folder:
        made = Path(folder) / "report.zip"
        command = [sys.executable, "-m", "snakemake", "--nolock", "--config", f"tier={snakemake.params.tier}"]
        done = subprocess.run([*command, "--report", str(made), "--", "all"], check=False)
        if done.returncode:
            raise UserError(
                "Snakemake could not build the report", f"Its own message is in {snakemake.log[0]}."
            )
        made.replace(snakemake.output[0])
