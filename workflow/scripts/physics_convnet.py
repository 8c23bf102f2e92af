"""Train a network on videos of Tables 1 and 2, and let it answer for the test objects."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.physics.convnet import train_and_answer
    from rerender.papers.physics.settings import PhysicsSettings
    from rerender.provenance.manifest import Code
    from rerender.runtime.device import choose_variant, torch_device

    folder = Path(snakemake.output.metrics).parent
    train_and_answer(
        PhysicsSettings(**snakemake.params.settings),
        Code.of("rerender.papers.physics.convnet"),
        snakemake.params.stack,
        tier=snakemake.wildcards.tier,
        folder=folder,
        state_root=folder.parent / "state",
        threads=snakemake.threads,
        device=torch_device(choose_variant(snakemake.params.variant)),
    )
