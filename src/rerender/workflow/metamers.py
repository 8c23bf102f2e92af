"""Inputs and parameters of the metamers rules, as functions of the session and of wildcards.

Every step gets the smallest dictionary it needs, so that a change of configuration reruns exactly the steps whose
own values changed. Paths start with `<results>` and `<resources>`, which Snakemake fills in.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

from rerender.catalogue.specs import EnvmapSpec, SceneSpec
from rerender.core.errors import unknown_name
from rerender.papers.metamers import grid
from rerender.papers.metamers.runfiles import Expected
from rerender.papers.metamers.settings import Ablation, GeometrySettings, MaterialSettings
from rerender.workflow import assets
from rerender.workflow.session import Session, remembered

TABLES = ("t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8")
FIGURES = ("f1", "f2", "f3", "f4", "f5", "f6", "s1", "s2", "s3", "s4", "s5", "s6")
ALL_FAMILIES = ("f4", "f5", "f6", "s1")
"""Figures of both families; the others show one."""
FIGURE_SUFFIXES = ("png", "pdf", "parquet")
TABLE_SUFFIXES = ("csv", "parquet", "tex", "md", "html")


def run_file(tier: str, cell: Expected, name: str) -> str:
    """Return the path of one file of a run."""
    return f"<results>/{tier}/metamers/runs/{cell.scene}/{cell.envmap}/{cell.model}/s{cell.seed}/{name}"


def run_files(session: Session, tier: str, *names: str, **only: object) -> list[str]:
    """Return the paths of files of all runs that can run here, or only of those whose fields match `only`."""
    return [
        run_file(tier, cell, name)
        for cell in grid.runnable(session.cells(tier))
        if all(getattr(cell, field) == value for field, value in only.items())
        for name in names
    ]


def places(session: Session, tier: str, **only: object) -> list[tuple[str, str]]:
    """Return every (scene, envmap) with runs that can run here, or only where a run's fields match `only`."""
    cells = grid.runnable(session.cells(tier))
    matching = (cell for cell in cells if all(getattr(cell, field) == value for field, value in only.items()))
    return list(dict.fromkeys((cell.scene, cell.envmap) for cell in matching))


def evaluation_files(session: Session, tier: str, *names: str, **only: object) -> list[str]:
    """Return the paths of files of the evaluations, one of each a (scene, envmap)."""
    return [
        f"<results>/{tier}/metamers/evaluations/{scene}/{envmap}/{name}"
        for scene, envmap in places(session, tier, **only)
        for name in names
    ]


def ablation_files(session: Session, tier: str) -> list[str]:
    """Return the metric rows of the comparisons that can run here."""
    cases = grid.ablation_cases(grid_params(session, tier))
    return [
        f"<results>/{tier}/metamers/ablations/{case.scene}/{case.envmap}/{case.model}/metrics.parquet"
        for case in cases
        if case.blocked is None
    ]


@remembered
def ablation_params(session: Session, tier: str, scene: str, envmap: str, model: str) -> dict[str, Any]:
    """Return what one comparison needs besides its files; `UserError` where the tier has none of that name."""
    cases = {(case.scene, case.envmap, case.model): case for case in session.metamers(tier).ablations}
    case = cases.get((scene, envmap, model))
    if case is None:
        known = [" ".join(place) for place in cases]
        raise unknown_name(
            "ablation", f"{scene} {envmap} {model}", known, "They stand in metamers.ablations."
        )
    spec, settings = session.scene(scene), family_settings(session, tier, scene)
    if case.epochs is not None:
        settings = settings.model_copy(update={"epochs": case.epochs})
    judges = (model,) if session.model(model).judges else ()
    return {
        "settings": settings.run(spec).model_dump(exclude={"checkpoint_seconds"}),
        "evaluation": settings.evaluation(spec, judges).model_dump(),
        "switches": case.switches,
        "seeds": case.seeds,
    }


def mosaics(session: Session, tier: str) -> list[str]:
    """Return the mosaic videos of a tier: one a (scene, envmap). The videos of its runs are made with it."""
    return [
        f"<results>/{tier}/metamers/videos/{scene}-{envmap}.mp4" for scene, envmap in places(session, tier)
    ]


def tables(tier: str) -> list[str]:
    """Return the table files of a tier, in all formats."""
    return [f"<results>/{tier}/metamers/tables/{name}.{ext}" for name in TABLES for ext in TABLE_SUFFIXES]


def figures(tier: str) -> list[str]:
    """Return the figure files of a tier."""
    return [f"<results>/{tier}/metamers/figures/{name}.{ext}" for name in FIGURES for ext in ("png", "pdf")]


@remembered
def scene_assets(session: Session, tier: str, scene: str, envmap: str) -> dict[str, str]:
    """Return the prepared assets that rendering a scene needs, by role. Constant lights need no file."""
    spec, light = session.scene(scene), session.envmap(envmap)
    files = {"mesh": f"<resources>/meshes/{scene}.ply"}
    if light.radiance is None:
        height = family_settings(session, tier, scene).envmap_height
        files["envmap"] = f"<resources>/envmaps/{envmap}-{height}.exr"
    if spec.texture is not None:
        files["texture"] = f"<resources>/textures/{spec.texture}.exr"
    if assets.has_bsdf_file(session, scene):
        files["bsdf"] = f"<resources>/bsdfs/{scene}.bsdf"
    if assets.has_own_ground(session, scene):
        files["ground"] = f"<resources>/grounds/{scene}.ply"
    return files


@remembered
def scene_value(session: Session, scene: str, envmap: str) -> dict[str, SceneSpec | EnvmapSpec]:
    """Return what the registry says about scene and light, so that a changed entry reruns its own steps only.

    Titles, licences and tags are left out: they change no number.
    """
    spec, light = session.scene(scene), session.envmap(envmap)
    return {
        "scene": replace(spec, title="", licence="", paper="", tags=()),
        "envmap": replace(light, title="", licence="", paper="", tags=()),
    }


@remembered
def family_settings(session: Session, tier: str, scene: str) -> GeometrySettings | MaterialSettings:
    """Return the tier's settings of the family that the scene belongs to."""
    settings = session.metamers(tier)
    return settings.geometry if session.scene(scene).family == "geometry" else settings.material


@remembered
def reference_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return what `references` needs besides its files."""
    spec: SceneSpec = session.scene(scene)
    return family_settings(session, tier, scene).references(spec).model_dump()


@remembered
def optimise_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return what `optimise` needs besides its files. How often it saves is left out: it changes no result."""
    spec: SceneSpec = session.scene(scene)
    return family_settings(session, tier, scene).run(spec).model_dump(exclude={"checkpoint_seconds"})


@remembered
def evaluate_params(session: Session, tier: str, scene: str) -> dict[str, Any]:
    """Return what `evaluate` needs besides its files."""
    spec: SceneSpec = session.scene(scene)
    settings = family_settings(session, tier, scene)
    return settings.evaluation(spec, grid.judges(settings, session.blocked)).model_dump()


@remembered
def grid_params(session: Session, tier: str) -> dict[str, Any]:
    """Return the whole grid of a tier as a small value."""
    return grid.describe(session.metamers(tier), session.blocked)


@remembered
def names_params(session: Session, tier: str) -> dict[str, dict[str, str]]:
    """Return the display names of everything in the tier's grid, so that a new title redraws and nothing more."""
    cells: list[Expected | Ablation] = [*session.cells(tier), *session.metamers(tier).ablations]
    return {
        "models": {name: session.model(name).title for name in dict.fromkeys(cell.model for cell in cells)},
        "scenes": {name: session.scene(name).title for name in dict.fromkeys(cell.scene for cell in cells)},
        "envmaps": {
            name: session.envmap(name).title for name in dict.fromkeys(cell.envmap for cell in cells)
        },
    }


@remembered
def weights(session: Session, models: tuple[str, ...]) -> dict[str, dict[str, str | None]]:
    """Return which files with pretrained weights the models need: asset id -> source and hash."""
    needed = dict.fromkeys(name for model in models for name in session.model(model).weights)
    return {name: session.source(name) for name in needed}


@remembered
def judge_weights(session: Session, tier: str, scene: str) -> dict[str, dict[str, str | None]]:
    """Return the weights of the models that judge a run."""
    return weights(session, grid.judges(family_settings(session, tier, scene), session.blocked))


def table_files(session: Session, tier: str, name: str) -> list[str]:
    """Return the files that a table reads beside the metric rows."""
    if name == "t6":
        return evaluation_files(session, tier, "by_view.parquet")
    return evaluation_files(session, tier, "metrics.parquet") if name == "t8" else []


def figure_runs(session: Session, tier: str, name: str) -> list[str]:
    """Return files that stand for the runs of a figure: its evaluations, each made from all runs of a scene and light.

    Figure 1 shows one run of each family, which it names as well.
    """
    cells = grid.runnable(session.cells(tier))
    if name == "f1":
        firsts = {cell.family: cell for cell in reversed(cells)}
        shown = [
            evaluation_files(session, tier, "metrics.parquet", scene=cell.scene, envmap=cell.envmap)
            for cell in firsts.values()
        ]
        return [
            *(run_file(tier, cell, "frames.npz") for cell in firsts.values()),
            *chain.from_iterable(shown),
        ]
    family = {"f3": "material", "s4": "material"}.get(name, "geometry")
    chosen = {} if name in ALL_FAMILIES else {"family": family}
    return evaluation_files(session, tier, "metrics.parquet", **chosen)
