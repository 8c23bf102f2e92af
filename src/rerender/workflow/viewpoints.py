"""Inputs and parameters of the viewpoints rules, as functions of the session and of wildcards.

Paths start with `<results>` and `<resources>`, which Snakemake fills in. Every step gets the smallest dictionary it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rerender.catalogue.resolve import file_hash, is_at_hand
from rerender.core.errors import UserError, unknown_name
from rerender.papers.viewpoints import grid
from rerender.papers.viewpoints.grid import Job
from rerender.papers.viewpoints.methods import LEVELS, METHODS, RACE
from rerender.perception.weights import required_weights
from rerender.workflow.session import Session, remembered

TABLES = ("searches", "race", "runs", "gradients", "views", "predictor")
FIGURES = ("basins", "convergence", "matches", "views", "predictor")
STILLS = ("single_view.png", "turntable.mp4", "turntable.gif", "multi_view_grid.png")
TABLE_SUFFIXES = ("csv", "parquet", "tex", "md", "html")
FIGURE_SUFFIXES = ("png", "pdf", "parquet")
PRESENTED = ("optimized_params.json", "video.mp4")
WORDS = "clip_text"
"""What chooses views by words, in `perception.weights`."""
FOLDER = "<results>/{tier}/viewpoints"


def at(tier: str, *parts: str) -> str:
    """Return a path below the paper's results."""
    return "/".join([FOLDER.format(tier=tier), *parts])


def tables(session: Session, tier: str) -> list[str]:
    """Return the table files of a tier, in all formats."""
    return [at(tier, "tables", f"{name}.{ext}") for name in TABLES for ext in TABLE_SUFFIXES]


def figures(session: Session, tier: str) -> list[str]:
    """Return the figure files of a tier; named runs have one only where there are any. The stills belong to them."""
    names = [name for name in FIGURES if name != "matches" or session.viewpoints(tier).runs]
    found = [at(tier, "figures", f"{name}.{ext}") for name in names for ext in ("png", "pdf")]
    return [*found, at(tier, "stills", session.viewpoints(tier).scenes.all[0], "multi_view_grid.png")]


def videos(session: Session, tier: str) -> list[str]:
    """Return the videos of a tier: the turntable, and every named run."""
    runs = [job for job in jobs(session, tier) if job.experiment in session.viewpoints(tier).runs]
    return [
        at(tier, "stills", session.viewpoints(tier).scenes.all[0], "turntable.mp4"),
        *(at(tier, "runs", job.path, name) for job in runs for name in PRESENTED),
    ]


@remembered
def jobs(session: Session, tier: str) -> tuple[Job, ...]:
    """Return the jobs of a tier."""
    return grid.jobs(session.viewpoints(tier))


@remembered
def jobs_by_path(session: Session, tier: str) -> dict[str, Job]:
    """Return the jobs of a tier by their folder below `runs/`."""
    return {one.path: one for one in jobs(session, tier)}


def job(session: Session, tier: str, wildcards: Mapping[str, str]) -> Job:
    """Return the job that a run's wildcards name. Raises `UserError` for one outside the grid."""
    found = Job(wildcards["experiment"], wildcards["scene"], wildcards["mode"])
    known = jobs_by_path(session, tier)
    if found.path not in known:
        raise unknown_name("viewpoints run", found.path, known, "config/tiers/ says which runs a tier has.")
    return found


def run_files(session: Session, tier: str, name: str) -> list[str]:
    """Return one file of every search job, in the order of the grid."""
    return [at(tier, "runs", one.path, name) for one in jobs(session, tier)]


def metric_files(session: Session, tier: str) -> list[str]:
    """Return every file of metric rows of a tier."""
    checks = [at(tier, "gradients", f"{scene}.json") for scene in session.viewpoints(tier).scenes.all]
    rooms = session.viewpoints(tier).view_rooms
    return [
        *run_files(session, tier, "metrics.json"),
        *checks,
        *(at(tier, "views", f"{room}.json") for room in rooms),
        at(tier, "predictor", "metrics.json"),
    ]


def known_scene(session: Session, tier: str, scene: str) -> str:
    """Return the scene's name; raises `UserError` for one that the tier does not have."""
    settings = session.viewpoints(tier)
    scenes = dict.fromkeys((*settings.scenes.all, *settings.view_rooms))
    if scene not in scenes:
        raise unknown_name("viewpoints scene", scene, scenes, f"tiers.{tier}.viewpoints.scenes lists them.")
    return scene


def scene_inputs(session: Session, tier: str, scene: str) -> dict[str, str]:
    """Return the prepared mesh of the registry that a scene is made from, if it is; a scan is read where it lies."""
    preset = session.viewpoints(tier).scenes
    known_scene(session, tier, scene)
    if scene in preset.meshes:
        return {"mesh": f"<resources>/meshes/{scene}.ply", "mesh_origin": f"<resources>/meshes/{scene}.json"}
    return {"scan": preset.scans[scene].path} if scene in preset.scans else {}


def scene_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return how a scene is made; a scan's hash, so that another file of its name reruns what depends on it."""
    preset = session.viewpoints(tier).scenes
    scan = preset.scans.get(scene)
    if scan is None:
        return {"cell": None if scene in preset.meshes else preset.cell, "scan": None}
    if not Path(scan.path).is_file():
        raise UserError(
            f"there is no file {scan.path}", f"Correct tiers.{tier}.viewpoints.scenes.scans.{scene}.path."
        )
    return {"cell": None, "scan": scan.model_dump(), "sha256": file_hash(Path(scan.path), session.places)}


@remembered
def run_params(session: Session, tier: str, path: str) -> dict[str, Any]:
    """Return what a search job needs besides its scene; `path` is the job's."""
    settings = session.viewpoints(tier)
    one = jobs_by_path(session, tier)[path]
    search = settings.search.model_dump()
    if one.experiment == RACE:
        race = settings.race
        shared = {"camera": settings.camera.model_dump(), "starts": race.starts, "run": None}
        return {"search": search, "methods": list(race.methods), **shared}
    how = METHODS[one.method]
    # what another optimiser would use does not rerun this one
    unused = {
        "levenberg": ("adam_steps", "adam_lr", "upstream_lr"),
        "simplex": ("adam_steps", "adam_lr", "upstream_lr"),
        "cma": ("adam_steps", "adam_lr", "upstream_lr"),
    }
    for name in unused.get(how.optimiser, ()):
        search.pop(name)
    if one.experiment in LEVELS:
        level = settings.levels[one.experiment]
        return {"search": search, "camera": settings.camera.model_dump(), "starts": level.starts, "run": None}
    run = settings.runs[one.experiment]
    ladder = dict.fromkeys((*(size for size in settings.search.ladder if size < run.size), run.size))
    # the released recipe has one picture size
    sizes = [run.size] if how.optimiser == "network" else list(ladder)
    return {
        "search": {**search, "ladder": sizes},
        "camera": settings.camera.model_dump(),
        "starts": 1,
        "run": run.model_dump(),
    }


def present_params(session: Session, tier: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return how a named run is shown. Raises `UserError` for a level, which has no one picture."""
    runs = session.viewpoints(tier).runs
    if wildcards["experiment"] not in runs:
        raise unknown_name(
            "named run", wildcards["experiment"], runs, f"tiers.{tier}.viewpoints.runs lists them."
        )
    return {"size": runs[wildcards["experiment"]].size}


def basin_params(session: Session, tier: str) -> dict[str, Any]:
    """Return what the map of basins needs."""
    settings = session.viewpoints(tier)
    parts = ("camera", "search", "basins")
    return {name: getattr(settings, name).model_dump() for name in parts}


def view_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return how views are chosen. Raises `UserError` for a scene without labels."""
    settings = session.viewpoints(tier)
    if scene not in settings.view_rooms:
        raise unknown_name(
            "room",
            scene,
            settings.view_rooms,
            f"tiers.{tier}.viewpoints.views.rooms says how many there are.",
        )
    words = settings.words if scene in settings.view_rooms[: settings.words.rooms] else None
    return {"views": settings.views.model_dump(), "words": words.model_dump() if words else None}


def view_weights(session: Session, tier: str, scene: str) -> dict[str, dict[str, str | None]]:
    """Return the weights with which words choose views in a room: asset id -> source and hash; none where one is missing."""
    needed = [spec.id for spec in required_weights(WORDS)]
    at_hand = all(is_at_hand(session.ledger, name, session.places) for name in needed)
    asked = scene in session.viewpoints(tier).view_rooms[: session.viewpoints(tier).words.rooms]
    return {name: session.source(name) for name in needed} if at_hand and asked else {}


def predictor_params(session: Session, tier: str) -> dict[str, Any]:
    """Return how the predictor of views is trained and judged, and for which segments."""
    settings = session.viewpoints(tier)
    return {"predictor": settings.predictor.model_dump(), "segments": list(settings.views.segments)}


def figure_inputs(session: Session, tier: str, name: str) -> dict[str, list[str]]:
    """Return the files that a figure is drawn from."""
    if name == "basins":
        return {"basins": [at(tier, "basins", f"{session.viewpoints(tier).scenes.all[0]}.npz")]}
    if name in ("views", "predictor"):
        return {"metrics": [at(tier, "metrics.parquet")]}
    wanted = "trace.parquet" if name == "convergence" else "final.npz"
    return {"runs": [at(tier, "runs", one.path, wanted) for one in figure_jobs(session, tier, name)]}


def figure_jobs(session: Session, tier: str, name: str) -> list[Job]:
    """Return the jobs that a figure shows."""
    first = session.viewpoints(tier).scenes.all[0]
    if name == "convergence":
        return [one for one in jobs(session, tier) if one.experiment == "near" and one.scene == first]
    runs = session.viewpoints(tier).runs
    return [one for one in jobs(session, tier) if one.experiment in runs] if name == "matches" else []


@remembered
def grid_params(session: Session, tier: str) -> dict[str, Any]:
    """Return the whole experiment of a tier as a plain value."""
    return grid.describe(session.viewpoints(tier))


@remembered
def names_params(session: Session, tier: str) -> dict[str, dict[str, str]]:
    """Return display names, so that a new title redraws and nothing more."""
    return {"scenes": {name: grid.scene_title(name) for name in session.viewpoints(tier).scenes.all}}


def needed(session: Session, tier: str) -> list[str]:
    """Return the ids of all assets that a tier wants, whether at hand or not, in a fixed order."""
    choices = (
        choice.asset
        for name in session.viewpoints(tier).scenes.meshes
        for choice in session.scene(name).meshes
    )
    weights = (spec.id for spec in required_weights(WORDS))
    return [name for name in dict.fromkeys((*choices, *weights)) if session.ledger[name].kind != "procedural"]
