"""Control by gradient: search what moves an object to where it is in a picture (∇Sim, sections 4.7 to 4.9 of the fact sheet).

gradsim compares the last frame with the picture, diffphysics the centre of mass with the goal, and random acts at random.
Position error is the mean squared distance over the axes [m²], as the paper plots it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, StepResult
from rerender.papers.physics.estimation import Search
from rerender.papers.physics.grid import Job
from rerender.papers.physics.jobs import Part, Run, carry_out
from rerender.papers.physics.looks import Look
from rerender.papers.physics.pyramids import pyramid_loss
from rerender.papers.physics.specs import Backend, ControlledSettings, RasterSettings
from rerender.provenance.manifest import Code
from rerender.reporting.rows import MetricRow

DTYPE = torch.float32
VIDEO_FRAMES = 45
SHOWN_STEPS = (1, 2, 3, 5, 10, 20, 30, 39)
"""Iterations at which the published curves are known, and the third, at which the walker is said to arrive."""
RANDOM_TRIALS = 5
"""Random policies learn nothing, so a few trials say all."""


@dataclass(frozen=True)
class ControlRequest:
    """A job, its settings, and how it is run."""

    job: Job
    settings: Any
    raster: RasterSettings
    tier: str
    threads: int = 1

    @property
    def seeds(self) -> SeedStream:
        """The job's random stream."""
        return SeedStream(("physics", self.job.experiment, self.job.seed))

    @property
    def backend(self) -> Backend:
        """What renders the frames."""
        chosen: Backend = self.settings.backend
        return chosen

    def parameters(self) -> dict[str, Any]:
        """Return the plain values that decide the result."""
        return {
            "experiment": self.job.experiment,
            "seed": self.job.seed,
            "settings": self.settings.model_dump(exclude={"seeds"}),
            "raster": self.raster.model_dump(),
        }


class World(Protocol):
    """An object, its goal, and what becomes of it.

    `scene` names it in metric rows; `start` are the parameters that a search begins at; `goal` (3,) [m] is where its centre of
    mass shall be, `target` (S, S, 4) the picture of it there; `share` (N,) is what a particle has of the mass; `blurs` are
    those of the pyramid, and `look` films vertices.
    """

    scene: str
    start: torch.Tensor
    goal: torch.Tensor
    target: torch.Tensor
    share: torch.Tensor
    blurs: Sequence[float]
    look: Look

    def steered(self, parameters: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] at the end of equal parts of the time."""
        ...

    def at_random(self, draw: np.random.Generator) -> torch.Tensor:
        """Return the vertices (N, 3) [m] at the end of a motion that is steered at random."""
        ...


def position_error(world: World, vertices: torch.Tensor) -> torch.Tensor:
    """Return the error [m²] of vertices (N, 3): mean over the axes of the centre's squared distance from the goal."""
    centre = (world.share[:, None] * vertices).sum(dim=0)
    return ((centre - world.goal) ** 2).mean()


def control_loss(
    world: World, settings: ControlledSettings, method: str, vertices: torch.Tensor
) -> torch.Tensor:
    """Return what a method minimises."""
    if method == "diffphysics":
        return position_error(world, vertices)
    image = world.look.film(vertices[None])[0]
    if settings.pyramid:
        return pyramid_loss(image, world.target, world.blurs)
    return ((image - world.target) ** 2).mean()


@dataclass
class ControlSearch(Search):
    """The search for what steers an object; its history has the position error of every iteration."""

    world: World | None = None
    settings: ControlledSettings | None = None
    method: str = "gradsim"

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        assert self.world is not None and self.settings is not None
        vertices = self.world.steered(self.leaves["weights"])[0]
        loss = control_loss(self.world, self.settings, self.method, vertices)
        loss.backward()  # type: ignore[no-untyped-call]
        error = float(position_error(self.world, vertices.detach()))
        return StepResult(float(loss.detach()), {"position_error": error})


def run_control(
    request: ControlRequest,
    world: World,
    code: Code,
    stack: Mapping[str, str],
    *,
    folder: Path,
    state_root: Path,
) -> None:
    """Search by every method and write the job's files (see docs/files.md)."""

    def parts(run: Run) -> Iterator[Part]:
        motions: dict[str, Tree] = {"start": _motion(world, world.start)}
        histories = []
        for method in request.settings.methods:
            if method == "random":
                history = random_errors(request, world)
            else:
                history, weights = _search(run, request, world, method)
                motions[method] = _motion(world, torch.as_tensor(weights, dtype=DTYPE))
            histories.append(history.with_columns(method=pl.lit(method), seed=request.job.seed))
        final: dict[str, Tree] = {"goal": world.goal.numpy(), "target": world.target.numpy()}
        rows = [row for history in histories for row in _rows(run, request, world, history)]
        yield Part({**final, "motions": motions}, histories, rows)

    carry_out(request, parts, code, stack, folder=folder, state_root=state_root)


def _search(run: Run, request: ControlRequest, world: World, method: str) -> tuple[pl.DataFrame, np.ndarray]:
    """Return the history of a search, and the weights of the lowest loss."""
    settings = request.settings
    leaves = {"weights": world.start.clone().requires_grad_()}
    search = ControlSearch(
        leaves, lambda _: torch.zeros(()), settings.lr, world=world, settings=settings, method=method
    )
    found = fit(
        search,
        LoopSettings(iterations=settings.iterations),
        run.workdir / method,
        run_id=run.name(method),
        seeds=request.seeds.child(method),
    )
    return found.history.select("iteration", "loss", "position_error"), np.asarray(found.best["weights"])


def random_errors(request: ControlRequest, world: World) -> pl.DataFrame:
    """Return the position errors of motions that are steered at random, drawn anew for every iteration."""
    errors = []
    for iteration in range(min(request.settings.iterations, RANDOM_TRIALS)):
        draw = np.random.default_rng(request.seeds.seed("random", iteration))
        with torch.no_grad():
            errors.append(float(position_error(world, world.at_random(draw))))
    return pl.DataFrame({"iteration": range(len(errors)), "position_error": errors})


def _motion(world: World, parameters: torch.Tensor) -> np.ndarray:
    """Return the vertices (frames, N, 3) of a video."""
    with torch.no_grad():
        return np.asarray(world.steered(parameters, VIDEO_FRAMES).numpy(), dtype=np.float16)


def _rows(run: Run, request: ControlRequest, world: World, history: pl.DataFrame) -> list[MetricRow]:
    """Return first, best and last position error of one method; `random` has their mean."""
    method = history["method"][0]
    context = run.context(world.scene, "policy", method, method)
    errors = history["position_error"].to_list()
    mean = sum(errors) / len(errors)
    shown = {"first": errors[0], "best": min(errors), "last": errors[-1]}
    if method == "random":
        errors = [mean] * request.settings.iterations
        shown = dict.fromkeys(shown, mean)
    shown |= {f"it{step}": errors[step] for step in SHOWN_STEPS if step < len(errors)}
    rows = [
        context.row(f"position_error/{name}", float(value), unit="m²", better="lower")
        for name, value in shown.items()
    ]
    return [*rows, context.row("iterations", len(errors))]
