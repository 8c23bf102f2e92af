"""The grid of physics runs: jobs a tier asks for, and the answers in them. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rerender.core.errors import UserError, unknown_name
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import DEFAULT_ONLY, SHAPES, RigidMassSettings

RIGID_MASS, RIGID_CONTACT, LAME, CONTROL_FEM = "rigid_mass", "rigid_contact", "lame", "control_fem"
PARTICLE_MASS, CLOTH_VELOCITY = "particle_mass", "cloth_velocity"
ESTIMATES = (RIGID_MASS, RIGID_CONTACT, LAME)
"""Experiments that estimate a few parameters."""
FIELDS = (PARTICLE_MASS, CLOTH_VELOCITY)
"""Experiments that estimate something of every particle."""
CONTROL_CLOTH, CONTROL_WALKER = "control_cloth", "control_walker"
CONTROLS = {CONTROL_FEM: "gear", CONTROL_CLOTH: "cloth", CONTROL_WALKER: "walker"}
"""Experiments that steer an object to a goal, with the object's name in metric rows."""


PROJECTIVE: Literal["projective"] = "projective"
"""The variant and the back end by Mitsuba's projective integrator."""
CONVNET = "convnet"
"""The method of a trained network, one job for the test objects of Tables 1 and 2."""
LEARNT = (RIGID_MASS, RIGID_CONTACT)


@dataclass(frozen=True, order=True)
class Job:
    """One job: all objects of an experiment for one variant of what the estimate is given, and one seed."""

    experiment: str
    variant: str
    seed: int

    @property
    def path(self) -> str:
        """The job's folder below `runs/`; the variant is the wildcard `mode`."""
        return f"{self.experiment}/{self.variant}/s{self.seed}"


@dataclass(frozen=True, order=True)
class Expected:
    """One answer of the grid: an object by a method."""

    experiment: str
    scene: str
    method: str
    variant: str
    seed: int


def jobs(settings: PhysicsSettings) -> tuple[Job, ...]:
    """Return every job in a fixed order."""
    found = []
    for experiment in (*ESTIMATES, *FIELDS):
        part = getattr(settings, experiment)
        seeds = dict.fromkeys(part.variants, part.other_seeds) | {part.variants[0]: part.seeds}
        found += [
            Job(experiment, variant, seed)
            for variant in part.variants
            for seed in range(1, seeds[variant] + 1)
        ]
    for experiment in CONTROLS:
        seeds_here = getattr(settings, experiment).seeds
        found += [Job(experiment, "default", seed) for seed in range(1, seeds_here + 1)]
    return tuple(found)


def shapes_of(settings: RigidMassSettings, variant: str) -> tuple[str, ...]:
    """Return the shapes of a variant of the masses: fewer where frames take long."""
    return settings.shapes[: settings.projective.shapes] if variant == PROJECTIVE else settings.shapes


def scenes(settings: PhysicsSettings, experiment: str, variant: str = "default") -> tuple[str, ...]:
    """Return the objects of a variant of an experiment, by the names that metric rows have."""
    if experiment == RIGID_MASS:
        return shapes_of(settings.rigid_mass, variant)
    if experiment == RIGID_CONTACT:
        return tuple(settings.rigid_contact.shapes)
    if experiment == LAME:
        return tuple(f"beam_{index + 1}" for index in range(settings.lame.instances))
    if experiment in FIELDS:
        thing = "ball" if experiment == PARTICLE_MASS else "cloth"
        return tuple(f"{thing}_{index + 1}" for index in range(getattr(settings, experiment).instances))
    return (CONTROLS[experiment],)


def methods(part: Any, variant: str) -> tuple[str, ...]:
    """Return the methods that an experiment's job of a variant runs."""
    if variant == "default":
        return tuple(part.methods)
    return tuple(name for name in part.methods if name not in DEFAULT_ONLY)


def cells(settings: PhysicsSettings) -> tuple[Expected, ...]:
    """Return every answer of the grid."""
    return tuple(
        Expected(job.experiment, scene, method, job.variant, job.seed)
        for job in jobs(settings)
        for scene in scenes(settings, job.experiment, job.variant)
        for method in (
            *methods(getattr(settings, job.experiment), job.variant),
            *((CONVNET,) if job.experiment in LEARNT and job.variant == "default" else ()),
        )
    )


def describe(settings: PhysicsSettings) -> dict[str, Any]:
    """Return the grid as a plain value, for the params of the rules that need all of it."""
    return settings.model_dump()


def described(value: Mapping[str, Any]) -> tuple[PhysicsSettings, tuple[Expected, ...]]:
    """Return the settings and every cell of a described grid."""
    settings = PhysicsSettings.model_validate(value)
    return settings, cells(settings)


def convnet_parameters(settings: PhysicsSettings) -> dict[str, Any]:
    """Return the plain values that decide the ConvNet's answers; each seed has test objects of its own."""
    whole = settings.model_dump()
    return {name: whole[name] for name in (CONVNET, *LEARNT, "raster")}


def check_names(settings: PhysicsSettings) -> None:
    """Refuse shapes that do not exist, domains that are empty, and a back end that an experiment cannot have. Raises `UserError`."""
    contact = settings.rigid_contact
    if contact.backend == PROJECTIVE:
        able = ", ".join((RIGID_MASS, LAME, *FIELDS, *CONTROLS))
        raise UserError(
            "physics.rigid_contact.backend is projective, but its search takes differences of rendered frames, in which noise would drown them",
            f"Leave it soft. {able} can have projective; frames by Mitsuba as targets are the variant raytraced.",
        )
    for experiment in (RIGID_MASS, RIGID_CONTACT):
        for name in scenes(settings, experiment):
            if name not in SHAPES:
                where = f"The name stands in physics.{experiment}.shapes."
                raise unknown_name("shape", name, SHAPES, where)
    domains = {
        "rigid_mass.mass": settings.rigid_mass.mass,
        "rigid_contact.density": contact.density,
        "rigid_contact.contact": contact.contact,
        "rigid_contact.friction": contact.friction,
        "lame.stiffness": settings.lame.stiffness,
    }
    for key, (low, high) in domains.items():
        if low >= high:
            raise UserError(
                f"physics.{key} is [{low:g}, {high:g}]", "Give the lower end first, such as [0.2, 0.3]."
            )
