"""Inputs and parameters of the envmaps rules, as functions of the session and of wildcards.

A *place* is a scene at a roughness, such as `bunny_r050`; in paths and metric rows it is the wildcard `scene`. Every
step gets the smallest dictionary it needs. Paths start with `<results>` and `<resources>`, which Snakemake fills in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rerender.catalogue.resolve import is_at_hand
from rerender.core.errors import UserError, unknown_name
from rerender.papers.envmaps import grid
from rerender.papers.envmaps.own_edit_specs import OwnEdit
from rerender.papers.envmaps.runfiles import Expected, Job
from rerender.papers.envmaps.scene_specs import EnvSceneSpec, env_scene
from rerender.papers.envmaps.settings import (
    ABLATION,
    DISTS,
    EDIT,
    LIMIT,
    NUMBERED,
    EnvmapsSettings,
    MitsubaPart,
    base,
    edit_of,
    perceptual_model,
    place_id,
    row_spec,
    spec_value,
    split_place,
)
from rerender.papers.envmaps.specs import InversionMode
from rerender.perception.weights import required_weights
from rerender.workflow.session import Session, remembered

JUDGES = ("lpips", "dists")
TABLES = ("table1", "table2", "table3", "edits")
FIGURES = (*(f"fig{number}" for number in range(1, 14)), "curves")
EDIT_FIGURES: Mapping[str, str] = {"fig1": EDIT, "fig11": ABLATION, "fig12": LIMIT, "fig13": EDIT}
"""Figures of edits, and how the experiments are called that they show."""
FIRST_SEED = 1
FIGURE_SUFFIXES = ("png", "pdf", "parquet")
TABLE_SUFFIXES = ("csv", "parquet", "tex", "md", "html")


def tables(session: Session, tier: str) -> list[str]:
    """Return the table files of a tier, in all formats; that of edits only where it makes some."""
    edits = session.envmaps(tier).edits.scenes
    names = [name for name in TABLES if edits or name != "edits"]
    return [f"<results>/{tier}/envmaps/tables/{name}.{ext}" for name in names for ext in TABLE_SUFFIXES]


def figures(session: Session, tier: str) -> list[str]:
    """Return the figure files of a tier; those of edits only where it makes some."""
    edits = session.envmaps(tier).edits.scenes
    names = [name for name in FIGURES if edits or name not in EDIT_FIGURES]
    return [f"<results>/{tier}/envmaps/figures/{name}.{ext}" for name in names for ext in ("png", "pdf")]


# ---------------------------------------------------------------- the grid


@remembered
def blocked(session: Session, model: str) -> str | None:
    """Return "weights" when a file that a network needs is not at hand, else None."""
    needed = [spec.id for spec in required_weights(model)]
    return None if all(is_at_hand(session.ledger, name, session.places) for name in needed) else "weights"


@remembered
def jobs(session: Session, tier: str) -> tuple[Job, ...]:
    """Return the jobs of a tier that can run here."""
    return grid.jobs(session.envmaps(tier), blocked(session, DISTS))


@remembered
def cells(session: Session, tier: str) -> tuple[Expected, ...]:
    """Return every inversion of a tier; those that cannot run here carry the reason."""
    return grid.cells(session.envmaps(tier), blocked(session, DISTS))


@remembered
def jobs_by_path(session: Session, tier: str) -> dict[str, Job]:
    """Return the jobs of a tier by their folder below `runs/`."""
    return {run.path: run for run in jobs(session, tier)}


def modes(session: Session, tier: str) -> tuple[InversionMode, ...]:
    """Return the modes of a tier's search: a job makes all of them."""
    return session.envmaps(tier).inversion.modes


def job(session: Session, tier: str, wildcards: Mapping[str, str]) -> Job:
    """Return the job that a run's wildcards name, the first of its modes without `mode`.

    Raises `UserError` for one outside the grid.
    """
    mode = wildcards.get("mode") or modes(session, tier)[0]
    path = "/".join(
        [*(wildcards[name] for name in ("experiment", "scene", "envmap")), mode, f"s{wildcards['seed']}"]
    )
    known = jobs_by_path(session, tier)
    if path not in known:
        raise unknown_name("envmaps run", path, known, "config/tiers/ says which runs a tier has.")
    return known[path]


def run_file(tier: str, run: Job, name: str) -> str:
    """Return the path of one file of a run."""
    return f"<results>/{tier}/envmaps/runs/{run.path}/{name}"


def run_files(session: Session, tier: str, *names: str, **only: object) -> list[str]:
    """Return the paths of files of all jobs that can run here, or of those whose fields match `only`."""
    return [
        run_file(tier, run, name)
        for run in jobs(session, tier)
        if all(getattr(run, field) == value for field, value in only.items())
        for name in names
    ]


def fit_files(session: Session, tier: str, *names: str) -> list[str]:
    """Return the paths of files of all fits of a tier."""
    settings = session.envmaps(tier)
    return [
        f"<results>/{tier}/envmaps/fits/{sky}/s{seed}/{name}"
        for sky, seed in grid.fits(settings)
        for name in names
    ]


def metric_files(session: Session, tier: str) -> list[str]:
    """Return every file of metric rows of a tier."""
    return [*fit_files(session, tier, "metrics.json"), *run_files(session, tier, "metrics.json")]


# ---------------------------------------------------------------- skies and scenes


def needed(session: Session, tier: str) -> list[str]:
    """Return the ids of all assets that a tier wants, whether at hand or not, in a fixed order."""
    settings = session.envmaps(tier)
    wanted = dict.fromkeys(sky for sky in settings.skies.all if not grid.is_procedural(sky))
    for scene in dict.fromkeys(split_place(place)[0] for place in grid.places(settings)):
        spec = env_scene(scene)
        wanted |= dict.fromkeys(choice.asset for body in spec.bodies for choice in body.meshes)
        wanted |= dict.fromkeys(spec.textures)
    wanted |= dict.fromkeys(spec.id for name in JUDGES for spec in required_weights(name))
    return [name for name in wanted if session.ledger[name].kind != "procedural"]


def sky_source(session: Session, sky: str) -> dict[str, str | None]:
    """Return which file will be used for a sky, if any: a procedural one stands in for a captured one."""
    return {} if grid.is_procedural(sky) else session.source(sky)


def sky_map(session: Session, tier: str, sky: str) -> str:
    """Return the upper half of a sky at the size of the tier."""
    return f"<resources>/skies/{sky}-{session.envmaps(tier).skies.height}.exr"


def scene_parts(place: str) -> str:
    """Return the prepared meshes and textures of a place."""
    return f"<resources>/envscenes/{split_place(place)[0]}.npz"


@remembered
def scene_value(session: Session, scene: str) -> dict[str, Any]:
    """Return a scene's parts and which files or stand-ins will be used for them."""
    spec = env_scene(scene)
    meshes = {
        body.id: session.first_mesh(*(choice.asset for choice in body.meshes))
        for body in spec.bodies
        if body.meshes
    }
    return {"scene": untitled(spec), "meshes": meshes, "textures": [session.source(x) for x in spec.textures]}


def untitled(spec: EnvSceneSpec) -> EnvSceneSpec:
    """Return a scene without its title, which changes no number."""
    return replace(spec, title="")


def place_value(place: str) -> EnvSceneSpec:
    """Return the registry's value of a place."""
    scene, roughness = split_place(place)
    return untitled(env_scene(scene).with_roughness(roughness))


# ---------------------------------------------------------------- steps


@remembered
def bake_params(session: Session, tier: str, place: str) -> dict[str, Any]:
    """Return what baking a place needs besides its parts."""
    settings = session.envmaps(tier)
    return {
        "place": place_value(place),
        "image_size": settings.render.image_size,
        "map_shape": list(settings.map_shape),
        "samples": settings.render.bake_samples,
    }


@remembered
def fitted(session: Session, tier: str) -> dict[str, tuple[str, ...]]:
    """Return sky -> the representations that are fitted to it."""
    return grid.fitted(session.envmaps(tier))


@remembered
def fit_params(session: Session, tier: str, sky: str) -> dict[str, Any]:
    """Return what fitting a sky needs besides its map."""
    settings = session.envmaps(tier)
    names = fitted(session, tier).get(sky) or tuple(
        row for row in settings.table1.representations if row_spec(row).kind == "network"
    )
    own = [name for edit in settings.edits.own.values() if edit.sky == sky for name in edit.representations]
    names = tuple(dict.fromkeys((*names, *(base(row) for row in own if row_spec(row).kind == "network"))))
    return {
        "specs": [spec_value(settings.representation(name)) for name in names],
        "noise": list(settings.noise),
        "draws": settings.noise_draws,
        "max_refits": settings.fit.max_refits,
    }


def transport_file(session: Session, tier: str, place: str) -> str | list[str]:
    """Return the transport matrix of a place; nothing where Mitsuba renders in the loop."""
    if session.envmaps(tier).render.backend == "mitsuba":
        return []
    return f"<results>/{tier}/envmaps/transport/{place}.npz"


def run_inputs(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return the files that a job reads, by role."""
    place, sky, seed = wildcards["scene"], wildcards["envmap"], wildcards["seed"]
    return {
        "map": sky_map(session, tier, sky),
        "fits": f"<results>/{tier}/envmaps/fits/{sky}/s{seed}/fits.npz",
        "parts": scene_parts(place),
        "transport": transport_file(session, tier, place),
    }


def run_params(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return what a job needs besides its files. `inversions` are its settings by mode."""
    run = job(session, tier, wildcards)
    return _run_params(session, tier, run.experiment, run.scene, run.mode, run.representations)


@remembered
def _run_params(
    session: Session,
    tier: str,
    experiment: str,
    place: str,
    mode: InversionMode,
    representations: tuple[str, ...],
) -> dict[str, Any]:
    """Return the same for all skies and seeds."""
    settings = session.envmaps(tier)
    part = settings.mitsuba
    assert isinstance(part, MitsubaPart)
    edit = edit_of(settings, experiment)
    if edit is None:
        own, used = modes(session, tier), modes(session, session.config.tier)
        if own != used:  # the rule's outputs are those of the tier in use
            raise UserError(
                f"tier {tier} searches in other modes ({', '.join(own)}) than the tier in use ({', '.join(used)})",
                f"Add --config tier={tier}",
            )
        inversions = {one: settings.inversion_settings(one) for one in own}
    else:
        kept = experiment.removeprefix(ABLATION) if experiment.startswith(ABLATION) else None
        inversions = {mode: settings.edit_settings(edit, kept)}
    return {
        "place": place_value(place),
        "specs": [spec_value(settings.representation(name)) for name in representations],
        "inversions": {name: inversion.model_dump() for name, inversion in inversions.items()},
        "edit": edit and edit.model_dump(exclude={"title"}),
        "columns": settings.columns,
        "image_size": settings.render.image_size,
        "floor_level": settings.render.floor_level,
        "spp": settings.render.spp,
        "spp_grad": settings.render.spp_grad,
        "target_spp": part.spp if experiment == "shift_mitsuba" else None,
    }


def videos(session: Session, tier: str) -> list[str]:
    """Return the videos of a tier: Table 1's scene under its first sky, and every edit; none without snapshots."""
    settings = session.envmaps(tier)
    if not settings.inversion.snapshot_every:
        return []
    first = {"scene": settings.table1.places[0], "envmap": settings.skies.all[0], "seed": FIRST_SEED}
    shown = run_files(session, tier, "video.mp4", experiment="shift", **first)
    edits = [run for run in jobs(session, tier) if run.experiment.startswith(EDIT)]
    return [*shown, *(run_file(tier, run, "video.mp4") for run in edits)]


def video_inputs(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return the files that a video is made from."""
    run = job(session, tier, wildcards)
    return {
        "final": run_file(tier, run, "final.npz"),
        "parts": scene_parts(run.scene),
        "transport": transport_file(session, tier, run.scene),
    }


@remembered
def video_params(session: Session, tier: str) -> dict[str, Any]:
    """Return what a video needs besides its files."""
    render = session.envmaps(tier).render
    return {
        "image_size": render.image_size,
        "map_shape": list(session.envmaps(tier).map_shape),
        "floor_level": render.floor_level,
        "spp": render.spp,
    }


def own_edit_files(session: Session, tier: str) -> list[str]:
    """Return the panels of a tier's own edits."""
    names = session.envmaps(tier).edits.own
    return [f"<results>/{tier}/envmaps/user_edits/{name}/before_after.png" for name in names]


def own_edit(session: Session, tier: str, name: str) -> OwnEdit:
    """Return an own edit of the configuration. Raises `UserError` that names the closest one."""
    known = session.envmaps(tier).edits.own
    if name not in known:
        raise unknown_name("edit", name, known, f"tiers.{tier}.envmaps.edits.own lists your edits.")
    return known[name]


def own_edit_inputs(session: Session, tier: str, name: str) -> dict[str, Any]:
    """Return the files that an own edit reads, by role."""
    own = own_edit(session, tier, name)
    place = place_id(own.scene, own.roughness)
    return {
        "map": sky_map(session, tier, own.sky),
        "fits": f"<results>/{tier}/envmaps/fits/{own.sky}/s{FIRST_SEED}/fits.npz",
        "parts": scene_parts(place),
        "transport": transport_file(session, tier, place),
        "own": [str(path) for path in own.files],
    }


@remembered
def own_edit_params(session: Session, tier: str, name: str) -> dict[str, Any]:
    """Return what an own edit needs besides its files."""
    settings, own = session.envmaps(tier), own_edit(session, tier, name)
    edit = own.spec()
    return {
        "place": place_id(own.scene, own.roughness),
        "sky": own.sky,
        "edit": edit.model_dump(),
        "specs": [spec_value(settings.representation(row)) for row in own.representations],
        "inversion": settings.own_edit_settings(edit).model_dump(),
        "image_size": settings.render.image_size,
        "map_shape": list(settings.map_shape),
        "floor_level": settings.render.floor_level,
        "spp": settings.render.spp,
        "spp_grad": settings.render.spp_grad,
    }


@remembered
def own_edit_weights(session: Session, tier: str, name: str) -> dict[str, dict[str, str | None]]:
    """Return the weights that an own edit's representations need: asset id -> source and hash."""
    rows = own_edit(session, tier, name).representations
    models = dict.fromkeys(filter(None, map(perceptual_model, rows)))
    return {spec.id: session.source(spec.id) for model in models for spec in required_weights(model)}


@remembered
def judge_weights(session: Session) -> dict[str, dict[str, str | None]]:
    """Return the weights of the networks that can judge here: asset id -> source and hash."""
    ready = [name for name in JUDGES if blocked(session, name) is None]
    return {spec.id: session.source(spec.id) for name in ready for spec in required_weights(name)}


# ---------------------------------------------------------------- what is shown


def figure_inputs(session: Session, tier: str, name: str) -> dict[str, list[str]]:
    """Return the files that a figure is drawn from, by kind. Pictures show the first sky and seed, curves all of them."""
    settings = session.envmaps(tier)
    sky = settings.skies.all[0]
    metrics = [f"<results>/{tier}/envmaps/metrics.parquet"]
    if name in ("fig4", "fig5"):
        fits = [f"<results>/{tier}/envmaps/fits/{sky}/s{FIRST_SEED}/fits.npz"]
        return {"maps": [sky_map(session, tier, sky)], "fits": fits, "metrics": metrics}
    if name in ("fig2", "fig3"):
        run = example_job(session, tier)
        fits = [f"<results>/{tier}/envmaps/fits/{run.envmap}/s{run.seed}/fits.npz"]
        return {"runs": [run_file(tier, run, "final.npz")], "fits": fits, "metrics": metrics}
    if name in EDIT_FIGURES:
        made = [run for run in jobs(session, tier) if run.experiment.startswith(EDIT_FIGURES[name])]
        if name == "fig1":
            made = [run for run in made if run.scene == settings.edits.scenes[0]]
        return {"runs": [run_file(tier, run, "final.npz") for run in made], "metrics": metrics}
    shown = figure_places(settings)[name]
    first = {"experiment": "shift", "seed": FIRST_SEED, "envmap": sky}
    runs = [file for place in shown for file in run_files(session, tier, "final.npz", scene=place, **first)]
    if name == "curves":
        runs = run_files(session, tier, "trace.parquet", experiment="shift", scene=shown[0])
    return {"runs": runs, "metrics": metrics}


def example_job(session: Session, tier: str) -> Job:
    """Return the job that the drawings are made around: the first edit, else the last way to solve Table 1's first."""
    known = jobs(session, tier)
    edits = [run for run in known if run.experiment.startswith(EDIT)]
    first = [run for run in known if run.scene == session.envmaps(tier).table1.places[0]]
    mode = session.envmaps(tier).inversion.modes[-1]
    return edits[0] if edits else next(run for run in first if run.mode == mode)


def figure_places(settings: EnvmapsSettings) -> dict[str, tuple[str, ...]]:
    """Return the places that a figure shows, the roughnesses in order."""
    bunny = sorted({*settings.table3.places, *settings.figure9.places})
    return {
        "fig6": settings.table1.places,
        "fig7": settings.table2.places,
        "fig8": settings.table1.places,
        "fig9": tuple(bunny),
        "fig10": settings.table3.places,
        "curves": settings.table1.places,
    }


@remembered
def grid_params(session: Session, tier: str) -> dict[str, Any]:
    """Return the whole grid of a tier as a plain value."""
    return grid.describe(session.envmaps(tier), blocked(session, DISTS))


@remembered
def names_params(session: Session, tier: str) -> dict[str, dict[str, str]]:
    """Return the display names of representations, places and skies, so that a new title redraws and nothing more."""
    settings = session.envmaps(tier)
    rows = dict.fromkeys(cell.representation for cell in cells(session, tier))
    rows |= dict.fromkeys((*settings.edits.representations, *settings.edits.ablation))
    return {
        "models": {row: row_spec(row).title for row in rows},
        "scenes": {place: place_title(place) for place in grid.places(settings)},
        "envmaps": {sky: sky_title(sky) for sky in settings.skies.all},
    }


def place_title(place: str) -> str:
    """Return the title of a place."""
    scene, roughness = split_place(place)
    title = env_scene(scene).title
    return title if roughness is None else f"{title}, roughness {roughness:g}"


def sky_title(sky: str) -> str:
    """Return the title of a sky."""
    if grid.is_procedural(sky):
        return f"Procedural sky {sky.removeprefix(NUMBERED)}"
    return sky.removesuffix("_puresky").replace("_", " ").capitalize()
