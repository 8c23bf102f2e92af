"""Inputs and parameters of the physics rules, as functions of the session and of wildcards.

A run's folder is `runs/{experiment}/{mode}/s{seed}`; the wildcard `mode` is the variant: what the estimate is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rerender.core.errors import unknown_name
from rerender.papers.physics import grid
from rerender.papers.physics.grid import CONTROL_CLOTH, CONTROL_FEM, CONTROL_WALKER, LAME, RIGID_MASS, Job
from rerender.papers.physics.specs import GRID_KEYS
from rerender.workflow.session import Session, remembered

TABLES = ("table1", "table2", "table3")
FIGURES = ("fig2", "fig2_lame", "fig3", "fig4a", "fig4b", "frames", "demos", "shape", "growth")
DRAWN = ("fig2", "fig2_lame", "fig4a", "fig4b", "growth")
"""Figures that a job of their own draws from tables of numbers."""
SEQUENCES = (RIGID_MASS, LAME, CONTROL_CLOTH, CONTROL_WALKER, CONTROL_FEM)
"""The columns of Figure 3."""
VIDEOS = (*grid.ESTIMATES, *grid.FIELDS, *grid.CONTROLS)
"""Experiments, each with a video of its first job."""
MEASURED = ("landscape", "convnet", "demos")
"""Jobs with metric rows that are no runs."""
DEMO_FIGURES, DEMO_VIDEOS = ("demos", "shape"), ("demos", "smoke", "shape")
"""What the job of the demos draws."""
TABLE_SUFFIXES = ("csv", "parquet", "tex", "md", "html")
FIGURE_SUFFIXES = ("png", "pdf", "parquet")
NAMES: Mapping[str, str] = {
    "gradsim": "∇Sim (video)",
    "diffphysics": "diffphysics (3D supervision)",
    "random": "Random",
    "average": "Average",
    "convnet": "ConvNet (trained here)",
    "blackbox": "Without derivatives (REINFORCE)",
}
"""Display names of the approaches."""


def tables(tier: str) -> list[str]:
    """Return the table files of a tier, in all formats."""
    return [f"<results>/{tier}/physics/tables/{name}.{ext}" for name in TABLES for ext in TABLE_SUFFIXES]


def figures(tier: str) -> list[str]:
    """Return the figure files of a tier."""
    return [f"<results>/{tier}/physics/figures/{name}.{ext}" for name in FIGURES for ext in ("png", "pdf")]


@remembered
def jobs(session: Session, tier: str) -> tuple[Job, ...]:
    """Return the jobs of a tier."""
    return grid.jobs(session.physics(tier))


def run_file(tier: str, run: Job, name: str) -> str:
    """Return the path of one file of a run."""
    return f"<results>/{tier}/physics/runs/{run.path}/{name}"


def metric_files(session: Session, tier: str) -> list[str]:
    """Return every file of metric rows of a tier."""
    runs = [run_file(tier, run, "metrics.json") for run in jobs(session, tier)]
    return [*runs, *(f"<results>/{tier}/physics/{name}/metrics.json" for name in MEASURED)]


def videos(tier: str) -> list[str]:
    """Return the videos of a tier: one an experiment, and those of the demos."""
    return [f"<results>/{tier}/physics/videos/{name}.mp4" for name in (*VIDEOS, *DEMO_VIDEOS)]


def first_jobs(session: Session, tier: str) -> list[Job]:
    """Return the first job of every experiment, in the order of `VIDEOS`."""
    first = {run.experiment: run for run in reversed(jobs(session, tier))}
    return [first[experiment] for experiment in VIDEOS]


@remembered
def jobs_by_path(session: Session, tier: str) -> dict[str, Job]:
    """Return the jobs of a tier by their folder below `runs/`."""
    return {run.path: run for run in jobs(session, tier)}


def job(session: Session, tier: str, experiment: str, wildcards: Mapping[str, str]) -> Job:
    """Return the job that a run's wildcards name. Raises `UserError` for one outside the grid."""
    path = f"{experiment}/{wildcards['mode']}/s{wildcards['seed']}"
    known = jobs_by_path(session, tier)
    if path not in known:
        raise unknown_name("physics run", path, known, "config/tiers/ says which runs a tier has.")
    return known[path]


def run_params(session: Session, tier: str, experiment: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Return what a job needs. Raises `UserError` for a job outside the grid."""
    return _run_params(session, tier, job(session, tier, experiment, wildcards).experiment)


@remembered
def _run_params(session: Session, tier: str, experiment: str) -> dict[str, Any]:
    """Return the settings without the size of the grid, so that a new seed reruns nothing."""
    settings = session.physics(tier)
    return {
        "experiment": getattr(settings, experiment).model_dump(exclude=set(GRID_KEYS)),
        "raster": settings.raster.model_dump(),
    }


def figure_data(session: Session, tier: str, name: str) -> list[str]:
    """Return the files that a figure is drawn from."""
    if name == "fig2":
        return [f"<results>/{tier}/physics/landscape/{part}.parquet" for part in ("curves", "drop")]
    if name == "fig2_lame":
        return [f"<results>/{tier}/physics/landscape/lame.parquet"]
    if name == "growth":
        return [f"<results>/{tier}/physics/growth/rows.parquet"]
    experiment = {"fig4a": CONTROL_FEM, "fig4b": CONTROL_CLOTH}[name]
    runs = [run for run in jobs(session, tier) if run.experiment == experiment]
    return [run_file(tier, run, "trace.parquet") for run in runs]


def sequence_jobs(session: Session, tier: str) -> list[Job]:
    """Return the jobs that Figure 3 and the frames for print show."""
    return [
        run for experiment in SEQUENCES for run in first_jobs(session, tier) if run.experiment == experiment
    ]


def jobs_params(session: Session, tier: str, runs: Sequence[Job]) -> dict[str, Any]:
    """Return variants and seeds of jobs that are shown, and the settings of their experiments."""
    return {
        "jobs": [[run.experiment, run.variant, run.seed] for run in runs],
        "settings": {
            run.experiment: run_params(
                session, tier, run.experiment, {"mode": run.variant, "seed": str(run.seed)}
            )
            for run in runs
        },
    }


def convnet_params(session: Session, tier: str) -> dict[str, Any]:
    """Return what the ConvNet's job needs: its settings, and those of the objects that it is trained on and judged by."""
    return grid.convnet_parameters(session.physics(tier))


def landscape_params(session: Session, tier: str) -> dict[str, Any]:
    """Return what Figure 2's landscape needs."""
    return session.physics(tier).landscape.model_dump()


def demo_params(session: Session, tier: str) -> dict[str, Any]:
    """Return what the demos need."""
    settings = session.physics(tier)
    return {"demos": settings.demos.model_dump(), "raster": settings.raster.model_dump()}


def growth_params(session: Session, tier: str) -> dict[str, Any]:
    """Return which sizes are timed."""
    return session.physics(tier).growth.model_dump()


@remembered
def grid_params(session: Session, tier: str) -> dict[str, Any]:
    """Return the whole grid of a tier as a plain value."""
    return grid.describe(session.physics(tier))
