"""The jobs of a tier: searches by level, scene and method, and named runs. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rerender.catalogue import registry
from rerender.core.errors import UserError, unknown_name
from rerender.papers.viewpoints.methods import LEVELS, METHODS, RACE, TOGETHER
from rerender.papers.viewpoints.settings import ROOM, ViewpointsSettings


@dataclass(frozen=True, order=True)
class Job:
    """One search job: a level or a named run, a scene and a method; all starts of the level in one process."""

    experiment: str
    scene: str
    method: str

    @property
    def path(self) -> str:
        """The job's folder below `runs/`."""
        return f"{self.experiment}/{self.scene}/{self.method}"


def jobs(settings: ViewpointsSettings) -> tuple[Job, ...]:
    """Return every search: all methods in the first scene, then named runs; in the other scenes the first method from near."""
    first, *others = settings.scenes.all
    found = [Job(level, first, method) for level, part in settings.levels.items() for method in part.methods]
    found += [Job(RACE, first, TOGETHER)]
    found += [Job("near", scene, settings.near.methods[0]) for scene in others]
    found += [Job(name, first, method) for name in settings.runs for method in settings.run_methods]
    return tuple(dict.fromkeys(found))


def check_names(settings: ViewpointsSettings) -> None:
    """Refuse meshes and methods that do not exist, and levels that a method cannot do. Raises `UserError`."""
    for name in settings.scenes.meshes:
        if name not in registry.scenes() or registry.scene(name).family != "geometry":
            known = [key for key, spec in registry.scenes().items() if spec.family == "geometry"]
            raise unknown_name("mesh", name, known, "The name stands in viewpoints.scenes.meshes.")
    for name in (*settings.run_methods, *settings.basins.methods):
        if name not in METHODS:
            raise unknown_name(
                "method", name, METHODS, "The name stands in viewpoints.run_methods or basins.methods."
            )
    for name in settings.anywhere.methods:
        if METHODS[name].optimiser != "levenberg":
            raise UserError(
                f"viewpoints.anywhere.methods has '{name}', which needs a start",
                "Name methods of Levenberg-Marquardt there: "
                + ", ".join(key for key, one in METHODS.items() if one.optimiser == "levenberg"),
            )
    for name in settings.basins.methods:
        if METHODS[name].optimiser != "levenberg":
            raise UserError(
                f"viewpoints.basins.methods has '{name}'",
                "Basins are drawn for methods of Levenberg-Marquardt.",
            )
    taken = {*LEVELS, RACE, "basins", "gradients", "views", "predictor"} & settings.runs.keys()
    if taken:
        raise UserError(
            f"viewpoints.runs has a run called '{min(taken)}'", "That name is taken; choose another one."
        )


def describe(settings: ViewpointsSettings) -> dict[str, Any]:
    """Return the grid as a plain value."""
    return settings.model_dump()


def described(value: Mapping[str, Any]) -> ViewpointsSettings:
    """Return the settings of a described grid."""
    return ViewpointsSettings.model_validate(value)


def scene_title(name: str) -> str:
    """Return the display name of a scene."""
    if name.startswith(ROOM) and name.removeprefix(ROOM).isdigit():
        return f"Room {int(name.removeprefix(ROOM))}"
    return registry.scene(name).title if name in registry.scenes() else name
