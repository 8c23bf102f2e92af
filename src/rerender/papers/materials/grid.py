"""The jobs of a tier: an experiment's scene and method, all seeds in one process. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rerender.catalogue import registry
from rerender.catalogue.material_specs import INTERIOR, WORKSHOP, material_object
from rerender.core.errors import UserError, unknown_name
from rerender.papers.materials.settings import ExperimentSettings, MaterialsSettings


@dataclass(frozen=True, order=True)
class Capture:
    """A scene under a light, and what renders its targets: `self` or `mitsuba`."""

    reference: str
    scene: str
    envmap: str

    @property
    def path(self) -> str:
        """The capture's place below `captures/`, without suffix."""
        return f"{self.reference}/{self.scene}/{self.envmap}"


@dataclass(frozen=True, order=True)
class Job:
    """One job of fits: an experiment, a scene under a light, a method; all seeds."""

    experiment: str
    scene: str
    envmap: str
    method: str

    @property
    def path(self) -> str:
        """The job's folder below `runs/`."""
        return f"{self.experiment}/{self.scene}/{self.envmap}/{self.method}"


def jobs(settings: MaterialsSettings) -> tuple[Job, ...]:
    """Return every job, in the order of the experiments."""
    return tuple(
        Job(name, scene, one.envmap, method)
        for name, one in settings.experiments.items()
        for scene in one.scenes
        for method in one.methods
    )


def fine_jobs(settings: MaterialsSettings) -> tuple[Job, ...]:
    """Return the jobs whose networks are baked and refined."""
    return tuple(job for job in jobs(settings) if settings.experiments[job.experiment].fine)


def capture_of(settings: MaterialsSettings, job: Job) -> Capture:
    """Return what a job fits to."""
    return Capture(settings.experiments[job.experiment].reference, job.scene, job.envmap)


def captures(settings: MaterialsSettings) -> tuple[Capture, ...]:
    """Return every capture of a tier, once."""
    return tuple(dict.fromkeys(capture_of(settings, job) for job in jobs(settings)))


def check_names(settings: MaterialsSettings) -> None:
    """Refuse scenes and lights that do not exist. Raises `UserError`."""
    for name, one in settings.experiments.items():
        _check_experiment(name, one)
    _check_envmap(settings.pictures.relight, "materials.pictures.relight")
    shapes = {
        settings.capture_of(scene).light_height
        for one in settings.experiments.values()
        for scene in one.scenes
    }
    if len(shapes) > 1:
        raise UserError(
            f"materials.captures asks for lights of {', '.join(map(str, sorted(shapes)))} rows",
            "Give all captures the same light_height.",
        )


def _check_experiment(name: str, one: ExperimentSettings) -> None:
    for scene in one.scenes:
        try:
            material_object(scene)
        except UserError as error:
            raise UserError(f"materials.experiments.{name}.scenes: {error.message}", error.hint) from None
    _check_envmap(one.envmap, f"materials.experiments.{name}.envmap")


def _check_envmap(name: str, key: str) -> None:
    known = (INTERIOR, WORKSHOP, *registry.envmaps())
    if name not in known:
        raise unknown_name("light", name, known, f"The name stands in {key}.")


def light_height(settings: MaterialsSettings) -> int:
    """Return the rows of every light of a tier."""
    return settings.capture.light_height


def describe(settings: MaterialsSettings) -> dict[str, Any]:
    """Return the grid as a plain value; own captures are in none of its tables."""
    return settings.model_dump(exclude={"own", "shape"})


def described(value: Mapping[str, Any]) -> MaterialsSettings:
    """Return the settings of a described grid."""
    return MaterialsSettings.model_validate(value)
