"""From plain values to a job's request, by experiment: what the workflow's scripts call. Light until a job is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.papers.physics.grid import (
    CLOTH_VELOCITY,
    CONTROL_CLOTH,
    CONTROL_FEM,
    CONTROL_WALKER,
    CONTROLS,
    FIELDS,
    LAME,
    PARTICLE_MASS,
    RIGID_CONTACT,
    RIGID_MASS,
    Job,
)
from rerender.papers.physics.specs import (
    ClothVelocitySettings,
    ContactSettings,
    ControlClothSettings,
    ControlSettings,
    ControlWalkerSettings,
    LameSettings,
    ParticleMassSettings,
    RasterSettings,
    RigidMassSettings,
)
from rerender.reporting.jobfiles import JobFiles
from rerender.settings import Frozen

if TYPE_CHECKING:
    from rerender.papers.physics.control import ControlRequest
    from rerender.papers.physics.subjects import EstimateRequest

SETTINGS: Mapping[str, type[Frozen]] = {
    RIGID_MASS: RigidMassSettings,
    RIGID_CONTACT: ContactSettings,
    LAME: LameSettings,
    PARTICLE_MASS: ParticleMassSettings,
    CLOTH_VELOCITY: ClothVelocitySettings,
    CONTROL_FEM: ControlSettings,
    CONTROL_CLOTH: ControlClothSettings,
    CONTROL_WALKER: ControlWalkerSettings,
}
"""Experiment -> its settings."""
TITLES: Mapping[str, str] = {
    RIGID_MASS: "rigid mass",
    LAME: "beam (Lamé)",
    CONTROL_CLOTH: "control-cloth",
    CONTROL_WALKER: "control-walker",
    CONTROL_FEM: "control-fem",
}
"""What experiments are called in pictures."""


def module_of(experiment: str) -> str:
    """Return the module that an experiment's jobs begin in; its fingerprint is the job's."""
    return f"rerender.papers.physics.{experiment}"


def run_job(
    job: Job,
    settings: Mapping[str, Any],
    tier: str,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
    threads: int = 1,
) -> None:
    """Run, or carry on, a job from the params of its rule and write its files to `folder`."""
    from rerender.provenance.manifest import Code

    code = Code.of(module_of(job.experiment))
    if job.experiment in CONTROLS:
        from rerender.papers.physics import control_cloth, control_fem, control_walker

        worlds: Mapping[str, Any] = {
            CONTROL_FEM: control_fem,
            CONTROL_CLOTH: control_cloth,
            CONTROL_WALKER: control_walker,
        }
        request = control_request(job, settings, tier, threads)
        worlds[job.experiment].run(request, code, stack, folder=folder, state_root=state_root)
        return
    from rerender.papers.physics.fields import run_fields
    from rerender.papers.physics.subjects import run_estimates

    asked, subjects = estimate_request(job, settings, tier, threads)
    run = run_fields if job.experiment in FIELDS else run_estimates
    run(asked, subjects(asked), code, stack, folder=folder, state_root=state_root)


def make_video(job: Job, settings: Mapping[str, Any], tier: str, run: JobFiles, out: Path | str) -> None:
    """Make the video of a finished job."""
    from rerender.papers.physics.videos import make_control_video, make_estimate_video, make_field_video

    shown = displayed(settings)
    if job.experiment in CONTROLS:
        make_control_video(control_request(job, shown, tier, 1), run, out)
        return
    asked, subjects = estimate_request(job, shown, tier, 1)
    make = make_field_video if job.experiment in FIELDS else make_estimate_video
    make(asked, subjects, run, out)


def make_pictures(
    jobs: Sequence[Job],
    settings: Mapping[str, Mapping[str, Any]],
    tier: str,
    runs: Sequence[JobFiles],
    sequences: Path | str,
    prints: Path | str,
) -> None:
    """Make Figure 3, a column for each finished job, and the frames for print, a row each; `settings` are the params of their experiments."""
    from rerender.core.files import load_tree
    from rerender.papers.physics.prints import save_prints, strip
    from rerender.papers.physics.sequences import (
        control_motion,
        control_reels,
        estimate_motion,
        estimate_reels,
        save_sequences,
    )

    columns, strips = {}, {}
    for job, run in zip(jobs, runs, strict=True):
        final, own, title = load_tree(run.final), settings[job.experiment], TITLES[job.experiment]
        shown = displayed(own)
        if job.experiment in CONTROLS:
            columns[title] = control_reels(control_request(job, shown, tier, 1), final)
            look, motion = control_motion(control_request(job, own, tier, 1), final)
        else:
            columns[title] = estimate_reels(*estimate_request(job, shown, tier, 1), final)
            look, motion = estimate_motion(*estimate_request(job, own, tier, 1), final)
        strips[title] = strip(look, motion, title)
    save_sequences(columns, sequences, tier)
    save_prints(strips, prints, tier)


def displayed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params of an experiment whose frames are for people to look at."""
    from rerender.papers.physics.looks import for_display

    raster = for_display(RasterSettings(**settings["raster"]))
    experiment = {**settings["experiment"], "backend": "soft"}
    return {**settings, "raster": raster.model_dump(), "experiment": experiment}


def control_request(job: Job, settings: Mapping[str, Any], tier: str, threads: int) -> ControlRequest:
    """Return the request of a control job."""
    from rerender.papers.physics.control import ControlRequest

    raster = RasterSettings(**settings["raster"])
    return ControlRequest(job, SETTINGS[job.experiment](**settings["experiment"]), raster, tier, threads)


def estimate_request(
    job: Job, settings: Mapping[str, Any], tier: str, threads: int
) -> tuple[EstimateRequest, Callable[[EstimateRequest], Iterable[Any]]]:
    """Return the request of a job of estimates or fields, and what yields its subjects."""
    from rerender.papers.physics import cloth_velocity, lame, particle_mass, rigid_contact, rigid_mass
    from rerender.papers.physics.subjects import EstimateRequest

    modules: Mapping[str, Any] = {
        RIGID_MASS: rigid_mass,
        RIGID_CONTACT: rigid_contact,
        LAME: lame,
        PARTICLE_MASS: particle_mass,
        CLOTH_VELOCITY: cloth_velocity,
    }
    module = modules[job.experiment]
    own = SETTINGS[job.experiment](**settings["experiment"])
    raster = RasterSettings(**settings["raster"])
    return EstimateRequest(job, own, raster, module.UNITS, tier, threads), module.subjects
