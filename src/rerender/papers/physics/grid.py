"""The grid of physics runs: jobs a tier asks for, and the estimates in them. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rerender.core.errors import UserError, unknown_name
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import SHAPES

RIGID_MASS = "rigid_mass"
EXPERIMENTS = (RIGID_MASS,)


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
    """One estimate of the grid: an object by a method."""

    experiment: str
    scene: str
    method: str
    variant: str
    seed: int


@dataclass(frozen=True)
class RunFiles:
    """The files of one finished job, in its folder."""

    folder: Path

    @property
    def final(self) -> Path:
        """Truth, first guess and estimate of every object, by object and method."""
        return self.folder / "final.npz"

    @property
    def trace(self) -> Path:
        """Histories, one row an evaluation, columns `scene` and `method`."""
        return self.folder / "trace.parquet"

    @property
    def metrics(self) -> Path:
        """Metric rows."""
        return self.folder / "metrics.json"

    @property
    def manifest(self) -> Path:
        """What was made, from what, by which code."""
        return self.folder / "manifest.json"


def jobs(settings: PhysicsSettings) -> tuple[Job, ...]:
    """Return every job in a fixed order."""
    part = settings.rigid_mass
    seeds = dict.fromkeys(part.variants, part.other_seeds) | {part.variants[0]: part.seeds}
    return tuple(
        Job(RIGID_MASS, variant, seed) for variant in part.variants for seed in range(1, seeds[variant] + 1)
    )


def cells(settings: PhysicsSettings) -> tuple[Expected, ...]:
    """Return every estimate of the grid."""
    part = settings.rigid_mass
    return tuple(
        Expected(job.experiment, shape, method, job.variant, job.seed)
        for job in jobs(settings)
        for shape in part.shapes
        for method in part.methods
    )


def describe(settings: PhysicsSettings) -> dict[str, Any]:
    """Return the grid as a plain value, for the params of the rules that need all of it."""
    return settings.model_dump()


def described(value: Mapping[str, Any]) -> tuple[PhysicsSettings, tuple[Expected, ...]]:
    """Return the settings and every cell of a described grid."""
    settings = PhysicsSettings.model_validate(value)
    return settings, cells(settings)


def check_names(settings: PhysicsSettings) -> None:
    """Refuse shapes that do not exist, and a domain of masses that is empty. Raises `UserError`."""
    for name in settings.rigid_mass.shapes:
        if name not in SHAPES:
            raise unknown_name("shape", name, SHAPES, "The name stands in physics.rigid_mass.shapes.")
    low, high = settings.rigid_mass.mass
    if low >= high:
        raise UserError(
            f"physics.rigid_mass.mass is [{low:g}, {high:g}]",
            "Give the lower mass first, such as [0.2, 0.3].",
        )
