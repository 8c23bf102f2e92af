"""The mass of a rigid body from the video of a push (Table 1): one job has all shapes, by all methods.

gradsim compares frames and diffphysics vertices, by the same search. `average` answers with the mean of training masses,
`random` with the first guess. Errors are of an object's total mass: the paper's table mixes it with the mass of a vertex.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from rerender.core.files import Tree, atomic_path, save_tree
from rerender.core.seeds import SeedStream
from rerender.papers.physics.estimation import Estimate, Loss, best_start, estimate
from rerender.papers.physics.grid import Job, RunFiles
from rerender.papers.physics.rigid_scene import (
    BACKEND,
    DTYPE,
    RigidObject,
    as_recorded,
    draw_object,
    film,
    frames_shown,
    move,
    positions,
)
from rerender.papers.physics.specs import GRID_KEYS, NO_LIGHT, RasterSettings, RigidMassSettings
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, run_id, write_manifest
from rerender.provenance.stack import stack_fingerprint
from rerender.rendering.soft_rasteriser import SoftSettings
from rerender.reporting.rows import MetricRow, RowContext, write_rows

LOG_MASS = "log_mass"


@dataclass(frozen=True)
class RigidMassRequest:
    """A job and its settings."""

    job: Job
    settings: RigidMassSettings
    raster: RasterSettings
    tier: str
    threads: int = 1


@dataclass(frozen=True)
class Answer:
    """What one method says of one object. `found` is None where nothing was searched."""

    method: str
    mass: float
    found: Estimate | None = None


def run_rigid_mass(
    request: RigidMassRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Estimate the mass of every shape and write the job's files (see docs/files.md)."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    identity = run_id(parameters(request), code.fingerprint, {}, stack)
    rows: list[MetricRow] = []
    histories: list[pl.DataFrame] = []
    final: dict[str, Tree] = {}
    for name in request.settings.shapes:
        thing = draw_object(name, request.settings, object_seeds(request, name))
        answers = answers_for(request, thing, state_root / identity, identity)
        context = row_context(request, name, identity, code, stack)
        for answer in answers:
            rows += metric_rows(replace(context, method=answer.method), thing, answer)
            if answer.found is not None:
                named = {"scene": pl.lit(name), "method": pl.lit(answer.method)}
                histories.append(answer.found.history.with_columns(**named))
        final[name] = pictures(thing, answers)
    run = RunFiles(folder)
    save_tree(run.final, final)
    with atomic_path(run.trace) as partial:
        pl.concat(histories, how="diagonal_relaxed").write_parquet(partial)
    write_rows(run.metrics, rows)
    write_manifest(
        run.manifest,
        stage="physics_rigid_mass",
        run_id=identity,
        parameters=parameters(request),
        inputs={},
        outputs={"final": run.final, "trace": run.trace, "metrics": run.metrics},
        code=code,
        stack=stack,
        seeds={"job": ["physics", request.job.experiment, request.job.seed]},
        backend=BACKEND,
        cost=watch.stop(gpus=0),
        assets="standin",
    )
    shutil.rmtree(state_root / identity, ignore_errors=True)


def answers_for(request: RigidMassRequest, thing: RigidObject, workdir: Path, identity: str) -> list[Answer]:
    """Return the answers of the tier's methods for one object."""
    simple = {"random": thing.guess, "average": training_mean(request.settings)}
    answers = []
    for method in request.settings.methods:
        if method in simple:
            answers.append(Answer(method, simple[method]))
            continue
        loss = loss_for(method, request, thing)
        found = estimate(
            first_guess(thing, request.settings, loss),
            loss,
            request.settings.search,
            workdir / f"{thing.name}-{method}",
            run_id=f"{identity}-{thing.name}-{method}",
            seeds=object_seeds(request, thing.name),
        )
        answers.append(Answer(method, math.exp(float(found.values[LOG_MASS][0])), found))
    return answers


def loss_for(method: str, request: RigidMassRequest, thing: RigidObject) -> Loss:
    """Return the loss of a method: mean squared error of RGBA frames (gradsim) or of vertices (diffphysics)."""
    settings, variant = request.settings, request.job.variant
    frames, raster = frames_shown(settings), soft(request.raster)
    with torch.no_grad():
        refine = 2 if variant == "fine" else 1
        truth = positions(thing, move(thing, as_tensor(thing.mass), settings, refine), frames)

    def seen(values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return positions(thing, move(thing, values[LOG_MASS].exp(), settings), frames)

    if method == "diffphysics":
        return lambda values: ((seen(values) - truth) ** 2).mean()
    seed = object_seeds(request, thing.name).seed("noise")
    with torch.no_grad():
        target = as_recorded(film(thing, truth, settings.view, raster), variant, settings.noise, seed)  # type: ignore[arg-type]
    return lambda values: ((film(thing, seen(values), settings.view, raster) - target) ** 2).mean()


def first_guess(thing: RigidObject, settings: RigidMassSettings, loss: Loss) -> Mapping[str, torch.Tensor]:
    """Return where the search starts: the first guess, or the best of it and some masses of the domain."""
    low, high = settings.mass
    scan = [low * (high / low) ** ((k + 0.5) / settings.scan) for k in range(settings.scan)]
    return best_start([{LOG_MASS: as_tensor(math.log(mass))} for mass in (thing.guess, *scan)], loss)


def training_mean(settings: RigidMassSettings) -> float:
    """Return the mean of the training masses [kg], the answer of `average`."""
    draw = np.random.default_rng(SeedStream(("physics", "training")).seed("mass"))
    return float(draw.uniform(*settings.mass, size=settings.training).mean())


def metric_rows(context: RowContext, thing: RigidObject, answer: Answer) -> list[MetricRow]:
    """Return errors of the total mass, and what the search cost."""
    error = abs(answer.mass - thing.mass)
    rows = [
        context.row("abs_error/mass", error, unit="kg", better="lower"),
        context.row("rel_error/mass", error / thing.mass, better="lower"),
        context.row("rel_error_start/mass", abs(thing.guess - thing.mass) / thing.mass, better="none"),
        context.row("truth/mass", thing.mass, unit="kg"),
        context.row("value/mass", answer.mass, unit="kg"),
    ]
    if answer.found is None:
        return rows
    return [
        *rows,
        context.row("evaluations", answer.found.evaluations, better="lower"),
        context.row("loss_first", answer.found.first_loss),
        context.row("loss_best", answer.found.loss),
        context.row("wall_s", answer.found.wall_s),
    ]


def pictures(thing: RigidObject, answers: list[Answer]) -> Tree:
    """Return what `final.npz` keeps of an object: its masses [kg]."""
    masses = {answer.method: answer.mass for answer in answers}
    return {"truth": thing.mass, "guess": thing.guess, "estimates": masses}


def object_seeds(request: RigidMassRequest, name: str) -> SeedStream:
    """Return the random stream of an object; variants share it, so that they can be compared."""
    return SeedStream(("physics", request.job.experiment, name, request.job.seed))


def soft(raster: RasterSettings, *, premultiplied: bool = True) -> SoftSettings:
    """Return the rasteriser's settings."""
    return SoftSettings(raster.size, factor=raster.factor, premultiplied=premultiplied)


def as_tensor(value: float) -> torch.Tensor:
    """Return a number as a batch of one."""
    return torch.tensor([value], dtype=DTYPE)


def parameters(request: RigidMassRequest) -> dict[str, Any]:
    """Return the plain values that decide the result."""
    return {
        "experiment": request.job.experiment,
        "variant": request.job.variant,
        "seed": request.job.seed,
        "settings": request.settings.model_dump(exclude=set(GRID_KEYS)),
        "raster": request.raster.model_dump(),
    }


def row_context(
    request: RigidMassRequest, name: str, identity: str, code: Code, stack: Mapping[str, str]
) -> RowContext:
    """Return the columns that the rows of an object share."""
    return RowContext(
        paper="physics",
        experiment=request.job.experiment,
        scene=name,
        envmap=NO_LIGHT,
        method="none",
        representation="mass",
        variant=request.job.variant,
        seed=request.job.seed,
        tier=request.tier,
        backend=BACKEND,
        device="cpu",
        run_id=f"{identity}-{name}",
        code=code.fingerprint,
        stack=stack_fingerprint(stack),
        assets="standin",
    )
