"""Prepare a scene's own ground mesh, with its provenance."""

from typing import TYPE_CHECKING

from rerender.workflow.script import asset_places, script

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script(snakemake):
    from rerender.catalogue.prepare import Provenance, ground_mesh, write_sidecar
    from rerender.catalogue.resolve import resolve
    from rerender.core.meshio import write_ply

    places, scene = asset_places(snakemake), snakemake.wildcards.scene
    used = resolve(snakemake.params.value["ground"].mesh, places)
    write_ply(snakemake.output.mesh, ground_mesh(scene, places))
    write_sidecar(
        snakemake.output.provenance,
        Provenance(
            id=scene,
            asset=used.asset.id,
            origin="original",
            source=used.source,
            sha256=used.sha256,
            url=None,
            licence=used.asset.licence,
            standin=False,
            note=used.asset.note,
        ),
    )
