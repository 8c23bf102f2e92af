"""A Snakemake script: one fit by the real loop, slow enough to be disturbed, with a manifest. Settings are in params."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from dataclasses import replace

    from tests.fitting.toy import noisy, outcome, run
    from tests.slurm.fits import SETTINGS

    from rerender.core.files import save_tree
    from rerender.provenance.manifest import Code, write_manifest

    final = Path(snakemake.output.final)
    state = Path(snakemake.params.state)
    state.mkdir(parents=True, exist_ok=True)
    with open(state / "starts.txt", "a") as starts:
        print(os.environ["SLURM_JOB_ID"], os.environ["SLURMD_NODENAME"], os.getpid(), file=starts)

    ballast: list[bytes] = []

    def slowly(iteration: int) -> None:
        with open(state / "steps.txt", "a") as steps:
            print(iteration, file=steps)
        if iteration >= 20 and not ballast:
            ballast.append(b"1" * (snakemake.params.megabytes * 2**20))
        time.sleep(snakemake.params.seconds)

    settings = replace(SETTINGS, iterations=snakemake.params.steps)
    result = run(noisy(slowly), state / "fit", settings)
    save_tree(final, outcome(result))
    write_manifest(
        snakemake.output.manifest,
        stage="toy",
        run_id="toy",
        parameters={"steps": snakemake.params.steps},
        inputs={},
        outputs={"final": final},
        code=Code.of("rerender.fitting.loop"),
        stack={},
        attempts=result.attempts,
        resumed_from=result.resumed_from,
    )
