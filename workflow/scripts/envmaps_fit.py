"""Fit all networks of one sky, or carry on where an interrupted attempt stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

from rerender.workflow.script import script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.papers.envmaps.fits import FitRequest, fit_sky
    from rerender.papers.envmaps.settings import spec_of
    from rerender.provenance.manifest import Code
    from rerender.runtime.device import choose_variant, torch_device

    settings, folder = snakemake.params.settings, Path(snakemake.output.fits).parent
    request = FitRequest(
        sky=snakemake.wildcards.envmap,
        map=Path(snakemake.input.map),
        seed=int(snakemake.wildcards.seed),
        specs=tuple(map(spec_of, settings["specs"])),
        noise=tuple(settings["noise"]),
        draws=settings["draws"],
        max_refits=settings["max_refits"],
        tier=snakemake.wildcards.tier,
        threads=snakemake.threads,
        device=torch_device(choose_variant(snakemake.params.variant)),
    )
    fit_sky(
        request,
        Code.of("rerender.papers.envmaps.fits"),
        snakemake.params.stack,
        folder=folder,
        state_root=folder.parents[2] / "state",
    )
