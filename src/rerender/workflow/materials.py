"""Inputs and parameters of the materials rules, as functions of the session and of wildcards.

Paths start with `<results>`, which Snakemake fills in. Every step gets the smallest dictionary it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rerender.catalogue.capture_files import capture_files
from rerender.catalogue.material_specs import INTERIOR, WORKSHOP, material_object
from rerender.catalogue.registry import envmaps
from rerender.core.errors import UserError, unknown_name
from rerender.papers.materials import grid
from rerender.papers.materials.grid import Capture, Job
from rerender.papers.materials.settings import OwnCapture
from rerender.workflow.session import Session, remembered

TABLES = ("textures", "runs", "beyond", "ablation", "light", "cost", "levels", "metric", "losses")
FIGURES = (
    "rates",
    "issue",
    "unpack",
    "light",
    "levels",
    "metric",
    "traced",
    *(f"compare_{name}" for name in ("cow", "duck", "grey_ball", "spots_ball")),
)
TABLE_SUFFIXES = ("csv", "parquet", "tex", "md", "html")
FIGURE_SUFFIXES = ("png", "pdf", "parquet")
FOLDER = "<results>/{tier}/materials"


def at(tier: str, *parts: str) -> str:
    """Return a path below the paper's results."""
    return "/".join([FOLDER.format(tier=tier), *parts])


def table_names(session: Session, tier: str) -> list[str]:
    """Return the tables of a tier: those of an experiment only where it has that."""
    experiments = session.materials(tier).experiments
    needs = {
        "ablation": "ablation" in experiments,
        "beyond": {"known", "late"} <= experiments.keys(),
        "light": any(one.lighting == "learned" for one in experiments.values()),
        "levels": any(name.startswith("levels_") for name in experiments),
        **dict.fromkeys(("textures", "cost", "metric"), "known" in experiments),
    }
    return [name for name in TABLES if needs.get(name, True)]


def figure_names(session: Session, tier: str) -> list[str]:
    """Return the figures of a tier: those of an experiment only where it has that."""
    names = [name for name in FIGURES if name in ("rates",) or figure_jobs(session, tier, name)]
    return names


def tables(session: Session, tier: str) -> list[str]:
    """Return the table files of a tier, in all formats."""
    return [
        at(tier, "tables", f"{name}.{ext}") for name in table_names(session, tier) for ext in TABLE_SUFFIXES
    ]


def figures(session: Session, tier: str) -> list[str]:
    """Return the figure files of a tier."""
    return [
        at(tier, "figures", f"{name}.{ext}") for name in figure_names(session, tier) for ext in ("png", "pdf")
    ]


def videos(session: Session, tier: str) -> list[str]:
    """Return the videos of a tier: turntables of the scenes that both methods refined."""
    scenes = dict.fromkeys(one.scene for one in _shown(session, tier))
    return [at(tier, "videos", f"{scene}.mp4") for scene in scenes]


def _shown(session: Session, tier: str) -> list[Job]:
    """Return the refined jobs of the experiment `known`."""
    return [one for one in grid.fine_jobs(session.materials(tier)) if one.experiment == "known"]


def video_inputs(session: Session, tier: str, scene: str) -> dict[str, str | list[str]]:
    """Return the object, its light, another one, and the refined textures of its turntable."""
    found = [one for one in _shown(session, tier) if one.scene == scene and one.method in ("joint", "two")]
    if not found:
        scenes = dict.fromkeys(one.scene for one in _shown(session, tier))
        raise unknown_name("scene of a materials video", scene, scenes)
    return {
        "scene": at(tier, "scenes", f"{scene}.npz"),
        "light": at(tier, "lights", f"{found[0].envmap}.exr"),
        "relight": at(tier, "lights", f"{session.materials(tier).pictures.relight}.exr"),
        "finals": [at(tier, "fine", one.path, "final.npz") for one in found],
    }


def video_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return how a turntable is shown."""
    settings = session.materials(tier)
    return {
        "title": material_object(scene).title,
        "resolution": settings.capture_of(scene).map_size,
        "pictures": settings.pictures.model_dump(),
    }


def own_files(session: Session, tier: str) -> list[str]:
    """Return the panels of a tier's own captures."""
    return [at(tier, "own", name, "found.png") for name in session.materials(tier).own]


def own_capture(session: Session, tier: str, name: str) -> OwnCapture:
    """Return an own capture of the configuration. Raises `UserError` that names the closest one."""
    known = session.materials(tier).own
    if name not in known:
        raise unknown_name("capture", name, known, f"tiers.{tier}.materials.own lists your captures.")
    return known[name]


def own_inputs(session: Session, tier: str, name: str) -> dict[str, str | list[str]]:
    """Return the pictures of an own capture, and the light of its relit pictures."""
    files = capture_files(own_capture(session, tier, name).folder)
    return {
        "relight": at(tier, "lights", f"{session.materials(tier).pictures.relight}.exr"),
        "own": [str(path) for path in files],
    }


def own_params(session: Session, tier: str, name: str) -> dict[str, Any]:
    """Return how an own capture is fitted."""
    settings = session.materials(tier)
    parts = ("shape", "hash", "coarse", "fine", "regularisers", "pictures")
    return {
        "own": own_capture(session, tier, name).model_dump(),
        "size": settings.capture.size,
        "light_height": settings.capture.light_height,
        "resolution": settings.capture.map_size,
        **{part: getattr(settings, part).model_dump() for part in parts},
    }


@remembered
def jobs(session: Session, tier: str) -> tuple[Job, ...]:
    """Return the jobs of a tier."""
    return grid.jobs(session.materials(tier))


def job(session: Session, tier: str, wildcards: Mapping[str, str]) -> Job:
    """Return the job that a run's wildcards name. Raises `UserError` for one outside the grid."""
    found = Job(wildcards["experiment"], wildcards["scene"], wildcards["envmap"], wildcards["mode"])
    known = {one.path: one for one in jobs(session, tier)}
    if found.path not in known:
        raise unknown_name("materials run", found.path, known, "config/tiers/ says which runs a tier has.")
    return found


def run_files(session: Session, tier: str, name: str) -> list[str]:
    """Return one file of every job of fits, in the order of the grid."""
    return [at(tier, "runs", one.path, name) for one in jobs(session, tier)]


def metric_files(session: Session, tier: str) -> list[str]:
    """Return every file of metric rows of a tier."""
    fine = grid.fine_jobs(session.materials(tier))
    return [
        *run_files(session, tier, "metrics.json"),
        *(at(tier, "fine", one.path, "metrics.json") for one in fine),
    ]


def log_inputs(session: Session, tier: str) -> dict[str, list[str]]:
    """Return histories and pictures of all fits of a tier, for TensorBoard."""
    folders = [("runs", one) for one in jobs(session, tier)]
    folders += [("fine", one) for one in grid.fine_jobs(session.materials(tier))]
    return {
        name: [at(tier, kind, one.path, file) for kind, one in folders]
        for name, file in (("traces", "trace.parquet"), ("finals", "final.npz"))
    }


def scene_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return how a scene's true materials are made, and from which files."""
    settings = session.materials(tier)
    known = dict.fromkeys(name for one in settings.experiments.values() for name in one.scenes)
    if scene not in known:
        raise unknown_name("materials scene", scene, known, f"tiers.{tier}.materials.experiments lists them.")
    spec = material_object(scene)
    return {
        "map_size": settings.capture_of(scene).map_size,
        "mesh": session.first_mesh(*(choice.asset for choice in spec.meshes)) if spec.meshes else {},
        "texture": session.source(spec.texture) if spec.texture else {},
    }


def lights(session: Session, tier: str) -> list[str]:
    """Return the lights of a tier: those of its experiments, and that of relit pictures."""
    settings = session.materials(tier)
    return list(
        dict.fromkeys([*(one.envmap for one in settings.experiments.values()), settings.pictures.relight])
    )


def light_params(session: Session, tier: str, light: str) -> dict[str, Any]:
    """Return how many rows a light has, and which file it comes from."""
    if light not in (INTERIOR, WORKSHOP, *envmaps()):
        raise unknown_name("light", light, (INTERIOR, WORKSHOP, *envmaps()))
    if light in (INTERIOR, WORKSHOP):
        source = session.source(WORKSHOP) if light == WORKSHOP else {}
    else:
        assets = session.envmap(light).assets
        source = session.source(*assets) if assets else {}
    height = grid.light_height(session.materials(tier))
    return {"height": height, "source": source}


def capture_inputs(session: Session, tier: str, scene: str, envmap: str) -> dict[str, str]:
    """Return the scene, its light, and the light of the relit pictures, each with its provenance."""
    relight = session.materials(tier).pictures.relight
    return {
        "scene": at(tier, "scenes", f"{scene}.npz"),
        "scene_origin": at(tier, "scenes", f"{scene}.json"),
        "light": at(tier, "lights", f"{envmap}.exr"),
        "light_origin": at(tier, "lights", f"{envmap}.json"),
        "relight": at(tier, "lights", f"{relight}.exr"),
    }


def capture_params(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return how a capture is made. Raises `UserError` for one that no experiment of the tier fits to."""
    wanted = Capture(wildcards["mode"], wildcards["scene"], wildcards["envmap"])
    known = {one.path: one for one in grid.captures(session.materials(tier))}
    if wanted.path not in known:
        raise unknown_name("materials capture", wanted.path, known)
    return session.materials(tier).capture_of(wanted.scene).model_dump()


def capture_of(session: Session, tier: str, wildcards: Mapping[str, str]) -> str:
    """Return the capture that a job fits to, without suffix."""
    return at(tier, "captures", grid.capture_of(session.materials(tier), job(session, tier, wildcards)).path)


def fit_inputs(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, str]:
    """Return the capture that a job fits to, and its provenance."""
    stem = capture_of(session, tier, wildcards)
    return {"capture": f"{stem}.npz", "provenance": f"{stem}.json"}


@remembered
def _fit_params(session: Session, tier: str, experiment: str) -> dict[str, Any]:
    settings = session.materials(tier)
    one = settings.experiments[experiment]
    return {
        # scenes, methods and the fine stage do not change a fit
        "experiment": one.model_dump(exclude={"scenes", "methods", "fine"}),
        "hash": settings.hash.model_dump(),
        "stage": settings.coarse.model_dump(),
        "regularisers": settings.regularisers.model_dump(),
    }


def fit_params(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return what a job of fits needs besides its capture."""
    return _fit_params(session, tier, job(session, tier, wildcards).experiment)


def refine_inputs(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, str]:
    """Return the scene, the capture and the finished fits of a fine stage."""
    one = job(session, tier, wildcards)
    return {
        **fit_inputs(session, tier, wildcards),
        "scene": at(tier, "scenes", f"{one.scene}.npz"),
        "final": at(tier, "runs", one.path, "final.npz"),
    }


def refine_params(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return what a fine stage needs besides its inputs. Raises `UserError` where the experiment has none."""
    settings, one = session.materials(tier), job(session, tier, wildcards)
    if not settings.experiments[one.experiment].fine:
        raise UserError(
            f"the materials experiment '{one.experiment}' has no fine stage",
            f"Set tiers.{tier}.materials.experiments.{one.experiment}.fine: true.",
        )
    return {
        **_fit_params(session, tier, one.experiment),
        "stage": settings.fine.model_dump(),
        "resolution": settings.capture_of(one.scene).map_size,
    }


def figure_jobs(session: Session, tier: str, name: str) -> list[Job]:
    """Return the jobs that a figure shows."""
    every = jobs(session, tier)
    pair = [one for one in every if one.method in ("joint", "two")]
    kind, _, scene = name.partition("_")
    if kind == "compare":
        return [one for one in pair if one.experiment == "known" and one.scene == scene]
    if name == "issue":
        return [
            one
            for one in pair
            if one.method == "joint"
            and one.scene.startswith("cow")
            and one.experiment in ("known", "roughness")
        ]
    if name == "unpack":
        return [one for one in pair if one.experiment == "known"][:2]
    if name == "light":
        return [
            one for one in pair if session.materials(tier).experiments[one.experiment].lighting == "learned"
        ]
    if name == "levels":
        return [one for one in pair if one.experiment.startswith("levels_")]
    if name == "traced":
        return [one for one in _shown(session, tier) if one.method in ("joint", "two")]
    return [one for one in pair if one.experiment == "known"] if name == "metric" else []


def figure_inputs(session: Session, tier: str, name: str) -> dict[str, list[str] | str]:
    """Return the files that a figure is drawn from."""
    found = figure_jobs(session, tier, name)
    files: dict[str, list[str] | str] = {"metrics": at(tier, "metrics.parquet")} if name == "metric" else {}
    if name == "traced":
        scenes = dict.fromkeys(one.scene for one in found)
        files["traced"] = [at(tier, "traced", f"{scene}.npz") for scene in scenes]
    elif name not in ("rates", "metric"):
        files["runs"] = [at(tier, "runs", one.path, "final.npz") for one in found]
    return files


@remembered
def grid_params(session: Session, tier: str) -> dict[str, Any]:
    """Return the whole experiment of a tier as a plain value."""
    return grid.describe(session.materials(tier))


@remembered
def names_params(session: Session, tier: str) -> dict[str, dict[str, str]]:
    """Return display names, so that a new title redraws and nothing more."""
    settings = session.materials(tier)
    scenes = dict.fromkeys(name for one in settings.experiments.values() for name in one.scenes)
    lights = dict.fromkeys(one.envmap for one in settings.experiments.values())
    titles = {INTERIOR: "a procedural room", WORKSHOP: "Aerodynamics workshop"}
    return {
        "scenes": {name: material_object(name).title for name in scenes},
        "envmaps": {name: titles[name] if name in titles else session.envmap(name).title for name in lights},
    }


def needed(session: Session, tier: str) -> list[str]:
    """Return the ids of all assets that a tier wants, whether at hand or not, in a fixed order."""
    settings = session.materials(tier)
    wanted: dict[str, None] = {}
    for one in settings.experiments.values():
        for scene in one.scenes:
            spec = material_object(scene)
            wanted |= dict.fromkeys(choice.asset for choice in spec.meshes)
            wanted |= dict.fromkeys([spec.texture] if spec.texture else [])
        if one.envmap == WORKSHOP:
            wanted[WORKSHOP] = None
        elif one.envmap != INTERIOR:
            wanted |= dict.fromkeys(session.envmap(one.envmap).assets)
    return [name for name in wanted if session.ledger[name].kind != "procedural"]
