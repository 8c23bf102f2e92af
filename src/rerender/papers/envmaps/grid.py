"""The grid of envmaps runs: jobs a tier asks for, and the inversions in them. Light: imports no numerics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rerender.catalogue.puresky import PURE_SKIES
from rerender.core.errors import unknown_name
from rerender.papers.envmaps.edit_specs import LIMITATION, PAPER_EDITS
from rerender.papers.envmaps.runfiles import Expected, Job, RunFiles
from rerender.papers.envmaps.settings import (
    ABLATION,
    DISTS,
    EDIT,
    EXPERIMENTS,
    LIMIT,
    NUMBERED,
    REGULARISERS,
    EnvmapsSettings,
    base,
    numbered_name,
    perceptual_model,
)
from rerender.papers.envmaps.specs import representation_spec


def jobs(settings: EnvmapsSettings, blocked: str | None = None) -> tuple[Job, ...]:
    """Return every job in a fixed order; parts that share a scene and a sky share a job.

    `blocked` is the reason why DISTS cannot run here; the rows that need it are left out then.
    """
    found: dict[tuple[str, str, str, int], dict[str, None]] = {}
    for name, part in settings.parts.items():
        experiment = "shift_mitsuba" if name == "mitsuba" else "shift"
        rows = [row for row in part.representations if blocked is None or not needs_dists(row)]
        for place in part.places:
            for sky in settings.skies.all[: part.skies]:
                for seed in range(1, (part.seeds or settings.seeds) + 1):
                    found.setdefault((experiment, place, sky, seed), {}).update(dict.fromkeys(rows))
    return (
        *(
            Job(experiment, place, sky, mode, seed, tuple(rows))
            for (experiment, place, sky, seed), rows in found.items()
            for mode in settings.inversion.modes
            if rows
        ),
        *edit_jobs(settings),
    )


def edit_jobs(settings: EnvmapsSettings) -> Iterator[Job]:
    """Yield the jobs of the edits, then those of the ablation and of the edit that cannot work: first sky, first seed, one way to optimise."""
    edits, sky = settings.edits, settings.skies.all[0]
    for scene in edits.scenes:
        for edit in PAPER_EDITS[scene]:
            yield Job(EDIT + edit, scene, sky, edits.mode, 1, edits.representations)
    if edits.scenes:
        for name in REGULARISERS:
            yield Job(ABLATION + name, edits.scenes[0], sky, edits.mode, 1, edits.ablation)
        yield Job(LIMIT + LIMITATION.id, edits.scenes[0], sky, edits.mode, 1, edits.representations)


def cells(settings: EnvmapsSettings, blocked: str | None = None) -> tuple[Expected, ...]:
    """Return every inversion of the grid; those that cannot run here carry the reason."""
    return tuple(
        Expected(
            job.experiment,
            job.scene,
            job.envmap,
            job.mode,
            job.seed,
            row,
            blocked if needs_dists(row) else None,
        )
        for job in jobs(settings)
        if job.experiment in EXPERIMENTS
        for row in job.representations
    )


def fitted(settings: EnvmapsSettings) -> dict[str, tuple[str, ...]]:
    """Return sky -> the representations that must be fitted to it: all networks that any of its jobs uses.

    A `_dists` row starts from the same network as its plain one.
    """
    found: dict[str, dict[str, None]] = {}
    for job in jobs(settings):
        rows = found.setdefault(job.envmap, {})
        for row in job.representations:
            name = base(row)
            if representation_spec(name).kind == "network":
                rows[name] = None
    first = settings.skies.all[0]
    if first in found:  # Figure 4 compares with stock SIREN, on one sky
        found[first].update(dict.fromkeys(("siren_stock", "siren_wo", "siren", "rsiren_a")))
    return {sky: tuple(rows) for sky, rows in found.items()}


def fits(settings: EnvmapsSettings) -> tuple[tuple[str, int], ...]:
    """Return every (sky, seed) that some job starts from, once."""
    return tuple(dict.fromkeys((job.envmap, job.seed) for job in jobs(settings)))


def places(settings: EnvmapsSettings) -> tuple[str, ...]:
    """Return every scene at every roughness, once."""
    tables = (place for part in settings.parts.values() for place in part.places)
    return tuple(dict.fromkeys((*tables, *settings.edits.scenes)))


def needs_dists(row: str) -> bool:
    """Say whether a row has the DISTS term itself, which needs weights."""
    return perceptual_model(row) == DISTS


def finished_runs(expected: Iterable[Job], files: Iterable[Path | str]) -> list[RunFiles]:
    """Return the jobs that own some of `files`, in the order of the grid."""
    known = {"/".join(folder.parts[-5:]): folder for folder in {Path(file).parent for file in files}}
    return [RunFiles.at(known[job.path]) for job in expected if job.path in known]


def describe(settings: EnvmapsSettings, blocked: str | None) -> dict[str, Any]:
    """Return the grid as a plain value, for the params of the rules that need all of it."""
    return {"settings": settings.model_dump(), "blocked": blocked}


def described(value: Mapping[str, Any]) -> tuple[EnvmapsSettings, tuple[Expected, ...]]:
    """Return the settings and every cell of a described grid."""
    settings = EnvmapsSettings.model_validate(value["settings"])
    return settings, cells(settings, value["blocked"])


def is_procedural(sky: str) -> bool:
    """Say whether a sky is a numbered one, which is computed rather than captured."""
    return sky.startswith(NUMBERED) and sky.removeprefix(NUMBERED).isdigit()


def check_names(settings: EnvmapsSettings) -> None:
    """Refuse skies that do not exist. Raises `UserError` that names the closest one."""
    named = [(name, "envmaps.skies.names") for name in settings.skies.names]
    named += [(own.sky, f"envmaps.edits.own.{edit}.sky") for edit, own in settings.edits.own.items()]
    for name, key in named:
        if not is_procedural(name) and name not in PURE_SKIES:
            known = [*PURE_SKIES, numbered_name(0)]
            raise unknown_name("sky", name, known, f"The name stands in {key}.")
