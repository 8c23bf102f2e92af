"""From what Snakemake hands to a script to the arguments of the stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.options import options
from rerender.papers.metamers.settings import GeometryRun, MaterialRun
from rerender.runtime.device import choose_variant, torch_device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rerender.papers.envmaps.experiment import RunRequest
    from rerender.papers.envmaps.own_edits import EditRequest
    from rerender.papers.materials.experiment import FitRequest
    from rerender.papers.materials.own import OwnRequest
    from rerender.papers.materials.refine import RefineRequest
    from rerender.papers.metamers.world import SceneFiles
    from rerender.papers.viewpoints.experiment import SearchRequest

ROLES = ("mesh", "envmap", "texture", "ground", "bsdf")


def scene_files(snakemake: Any) -> SceneFiles:
    """Return the prepared files of the scene among the job's inputs."""
    from rerender.papers.metamers.world import SceneFiles

    return SceneFiles(**{role: Path(path) for role, path in snakemake.input.items() if role in ROLES})


def run_settings(snakemake: Any, settings: Mapping[str, Any] | None = None) -> GeometryRun | MaterialRun:
    """Return the settings of a run: those of the job, unless given.

    How often it saves comes from the configuration instead of `params`, on purpose: it changes no result.
    """
    values = {
        **(snakemake.params.settings if settings is None else settings),
        "checkpoint_seconds": options(snakemake.config).checkpoint_seconds,
    }
    return (
        GeometryRun(**values)
        if snakemake.params.value["scene"].family == "geometry"
        else MaterialRun(**values)
    )


def inversion_requests(snakemake: Any, weights: Mapping[str, Path]) -> dict[Path, RunRequest]:
    """Return the requests of an envmaps job by the folder that each writes to: one a mode of the search."""
    from rerender.papers.envmaps.edit_specs import EditSpec
    from rerender.papers.envmaps.experiment import RunRequest
    from rerender.papers.envmaps.runfiles import Job, RunFiles
    from rerender.papers.envmaps.settings import spec_of
    from rerender.papers.envmaps.specs import InversionSettings

    settings, names = snakemake.params.settings, snakemake.wildcards
    specs = tuple(map(spec_of, settings["specs"]))
    transport, finals = snakemake.input.get("transport"), snakemake.output.final
    runs = [RunFiles.at(Path(file).parent) for file in ([finals] if isinstance(finals, str) else finals)]
    return {
        run.folder: RunRequest(
            job=Job(
                *(run.experiment, run.scene, run.envmap, inversion.mode, run.seed),
                representations=tuple(spec.id for spec in specs),
            ),
            map=Path(snakemake.input.map),
            fits=Path(snakemake.input.fits),
            parts=Path(snakemake.input.parts),
            transport=Path(transport) if transport else None,
            specs=specs,
            settings=inversion,
            **{
                name: settings[name]
                for name in ("columns", "image_size", "floor_level", "spp", "spp_grad", "target_spp")
            },
            edit=EditSpec(**settings["edit"], title=names.experiment) if settings["edit"] else None,
            weights=weights,
            tier=names.tier,
            variant=snakemake.params.variant,
            threads=snakemake.threads,
        )
        for run in runs
        for inversion in [InversionSettings(**settings["inversions"][run.mode])]
    }


def edit_request(snakemake: Any, weights: Mapping[str, Path]) -> EditRequest:
    """Return the request of a user's own edit."""
    from rerender.papers.envmaps.bakes import Place
    from rerender.papers.envmaps.edit_specs import EditSpec
    from rerender.papers.envmaps.own_edits import EditRequest
    from rerender.papers.envmaps.settings import spec_of
    from rerender.papers.envmaps.specs import InversionSettings

    settings, transport = snakemake.params.settings, snakemake.input.get("transport")
    return EditRequest(
        name=snakemake.wildcards.name,
        edit=EditSpec(**settings["edit"]),
        place=Place(
            settings["place"],
            Path(snakemake.input.parts),
            settings["image_size"],
            tuple(settings["map_shape"]),
        ),
        sky=settings["sky"],
        map=Path(snakemake.input.map),
        fits=(Path(snakemake.input.fits),),
        transport=Path(transport) if transport else None,
        specs=tuple(map(spec_of, settings["specs"])),
        settings=InversionSettings(**settings["inversion"]),
        **{name: settings[name] for name in ("floor_level", "spp", "spp_grad")},
        weights=weights,
        tier=snakemake.wildcards.tier,
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )


def search_request(snakemake: Any) -> SearchRequest:
    """Return the request of a viewpoints job."""
    from rerender.papers.viewpoints.experiment import SearchRequest
    from rerender.papers.viewpoints.settings import CameraSettings, NamedRun, SearchSettings

    settings, names = snakemake.params.settings, snakemake.wildcards
    run = NamedRun(**settings["run"]) if settings["run"] else None
    return SearchRequest(
        experiment=names.experiment,
        scene=names.scene,
        method=names.mode,
        file=Path(snakemake.input.scene),
        camera=CameraSettings(**settings["camera"]),
        settings=SearchSettings(**settings["search"]),
        starts=settings["starts"],
        methods=tuple(settings.get("methods", ())),
        case=(run.start, run.target) if run else None,
        iterations=run.iterations if run else None,
        tier=names.tier,
        variant=snakemake.params.variant,
        threads=snakemake.threads,
    )


def own_capture_request(snakemake: Any) -> OwnRequest:
    """Return the request of a user's own capture."""
    from rerender.papers.materials.own import OwnRequest
    from rerender.papers.materials.settings import (
        HashSettings,
        OwnCapture,
        PictureSettings,
        RegulariserSettings,
        ShapeSettings,
        StageSettings,
    )

    settings = snakemake.params.settings
    return OwnRequest(
        name=snakemake.wildcards.name,
        own=OwnCapture(**settings["own"]),
        relight=Path(snakemake.input.relight),
        **{name: settings[name] for name in ("size", "light_height", "resolution")},
        shape=ShapeSettings(**settings["shape"]),
        hash=HashSettings(**settings["hash"]),
        coarse=StageSettings(**settings["coarse"]),
        fine=StageSettings(**settings["fine"]),
        regularisers=RegulariserSettings(**settings["regularisers"]),
        pictures=PictureSettings(**settings["pictures"]),
        tier=snakemake.wildcards.tier,
        variant=snakemake.params.variant,
        threads=snakemake.threads,
        device=torch_device(choose_variant(snakemake.params.variant)),
    )


def refine_request(snakemake: Any) -> RefineRequest:
    """Return the request of a fine stage."""
    from rerender.papers.materials.refine import RefineRequest

    return RefineRequest(
        fit=materials_request(snakemake),
        scene=Path(snakemake.input.scene),
        final=Path(snakemake.input.final),
        resolution=snakemake.params.settings["resolution"],
        variant=snakemake.params.variant,
    )


def materials_request(snakemake: Any) -> FitRequest:
    """Return the request of a job of material fits."""
    from rerender.papers.materials.experiment import FitRequest
    from rerender.papers.materials.settings import (
        ExperimentSettings,
        HashSettings,
        RegulariserSettings,
        StageSettings,
    )

    settings, names = snakemake.params.settings, snakemake.wildcards
    return FitRequest(
        experiment=names.experiment,
        scene=names.scene,
        envmap=names.envmap,
        method=names.mode,
        capture=Path(snakemake.input.capture),
        settings=ExperimentSettings(**settings["experiment"], scenes=(names.scene,), methods=(names.mode,)),
        hash=HashSettings(**settings["hash"]),
        stage=StageSettings(**settings["stage"]),
        regularisers=RegulariserSettings(**settings["regularisers"]),
        tier=names.tier,
        threads=snakemake.threads,
        device=torch_device(choose_variant(snakemake.params.variant)),
    )
