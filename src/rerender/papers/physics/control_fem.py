"""control-fem: a soft gear learns to roll to where it is in a picture (Fig. 4a; fact sheet, section 4.8).

act(t) = 0.3 tanh(W φ(t)),  φ_p = sin(2.5 (t + p π/4)),  p = 0 … 7, one row of W for each of 1,152 tetrahedra. gradsim compares
the last frame with the picture, diffphysics the centre of mass with the goal, and random acts at random. Position
error is the mean squared distance over the axes [m²], as the paper plots it.
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

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, StepResult
from rerender.papers.physics.estimation import Search
from rerender.papers.physics.grid import Job
from rerender.papers.physics.outputs import row_context, write_job
from rerender.papers.physics.pyramids import pyramid_loss
from rerender.papers.physics.specs import ControlSettings
from rerender.provenance.host import Stopwatch
from rerender.provenance.manifest import Code, run_id
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.reporting.jobfiles import JobFiles
from rerender.reporting.rows import MetricRow
from rerender.simulation.elements import make_tets, tet_inverse_mass
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound, require_stable
from rerender.simulation.tet_mesh import gear

DTYPE = torch.float32
PHASES, FREQUENCY = 8, 2.5
STIFFNESS, DAMPING, DENSITY = 1000.0, 1.0, 1.0  # [Pa], [Pa s], [kg/m³]
CONTACT = (1e4, 1.0, 10.0, 0.5)
START, SPEED = (-4.0, 2.0, 0.0), (1.5, 0.0, 0.0)
FURTHEST = 5.0
"""The goal is somewhere between x = 0 and here [m]."""
COLOUR = (1.0, 1.0, 0.0)
VIDEO_FRAMES = 45
SHOWN_STEPS = (1, 2, 5, 10, 20, 30, 39)
"""Iterations at which the published curves are known."""
RANDOM_TRIALS = 5
"""Random policies learn nothing, so a few trials say all."""


@dataclass(frozen=True)
class ControlRequest:
    """A job, its settings, and how it is run."""

    job: Job
    settings: ControlSettings
    size: int
    tier: str
    threads: int = 1

    @property
    def seeds(self) -> SeedStream:
        """The job's random stream."""
        return SeedStream(("physics", self.job.experiment, self.job.seed))

    def parameters(self) -> dict[str, Any]:
        """Return the plain values that decide the result."""
        return {
            "experiment": self.job.experiment,
            "seed": self.job.seed,
            "settings": self.settings.model_dump(exclude={"seeds"}),
            "size": self.size,
        }


class GearWorld:
    """The gear, its goal, and what becomes of it under a policy."""

    def __init__(self, request: ControlRequest) -> None:
        settings, mesh = request.settings, gear()
        self.settings = settings
        self.rest = torch.tensor(mesh.vertices, dtype=DTYPE)
        self.corners, self.faces = torch.tensor(mesh.tets), torch.tensor(mesh.surface)
        self.inverse_mass = tet_inverse_mass(self.rest, self.corners, DENSITY)
        self.share = (1.0 / self.inverse_mass) / (1.0 / self.inverse_mass).sum()
        draw = np.random.default_rng(request.seeds.seed("policy"))
        bound = 1.0 / math.sqrt(PHASES)  # as torch.nn.Linear begins
        weights = draw.uniform(-bound, bound, size=(len(mesh.tets), PHASES))
        self.start = torch.tensor(weights, dtype=DTYPE)
        self.goal = torch.tensor([draw.uniform(0.0, FURTHEST), START[1], 0.0], dtype=DTYPE)
        self.camera = look_from(settings.view.distance, settings.view.elevation, settings.view.azimuth)
        self.raster = SoftSettings(request.size)
        self.target = self.film((self.rest + self.goal)[None])[0]
        self.clock = self._clock()

    def _clock(self) -> ParticleClock:
        h = 1.0 / (60 * self.settings.substeps)
        system = self.system(torch.zeros((1, len(self.corners)), dtype=DTYPE))
        require_stable(h, particle_bound(system, self.rest), "the gear")
        return ParticleClock(h, round(self.settings.seconds / h))

    def system(self, act: torch.Tensor) -> ParticleSystem:
        """Return the gear with an actuation (steps, tetrahedra)."""
        tets = make_tets(self.rest, self.corners, STIFFNESS, STIFFNESS, DAMPING, act)
        return ParticleSystem(self.inverse_mass, tets=tets, contact=torch.tensor(CONTACT, dtype=DTYPE))

    def policy(self, weights: torch.Tensor) -> torch.Tensor:
        """Return the actuation (steps, tetrahedra) of a policy's weights (tetrahedra, 8)."""
        time = torch.arange(self.clock.steps, dtype=DTYPE)[:, None] * self.clock.h
        phase = torch.arange(PHASES, dtype=DTYPE) * (math.pi / 4.0)
        signals = torch.sin(FREQUENCY * (time + phase))
        return self.settings.strength * torch.tanh(signals @ weights.T)

    def move(self, act: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] at the end of equal parts of the time."""
        shown = [round((index + 1) * self.clock.steps / frames) for index in range(frames)]
        place = self.rest + torch.tensor(START, dtype=DTYPE)
        speed = torch.tensor(SPEED, dtype=DTYPE).expand_as(place)
        return simulate_particles(self.system(act), place, speed, self.clock, shown)[0]

    def film(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return RGBA frames of vertices (T, N, 3)."""
        colour = torch.tensor(COLOUR, dtype=DTYPE)
        return rasterise(vertices, self.faces, colour, self.camera, self.raster)

    def error(self, vertices: torch.Tensor) -> torch.Tensor:
        """Return the position error [m²] of vertices (N, 3): mean over the axes of the centre's squared distance."""
        centre = (self.share[:, None] * vertices).sum(dim=0)
        return ((centre - self.goal) ** 2).mean()

    def loss(self, method: str, vertices: torch.Tensor) -> torch.Tensor:
        """Return what a method minimises."""
        if method == "diffphysics":
            return self.error(vertices)
        image = self.film(vertices[None])[0]
        return (
            pyramid_loss(image, self.target) if self.settings.pyramid else ((image - self.target) ** 2).mean()
        )


@dataclass
class GearSearch(Search):
    """The search for a policy; its history has the position error of every iteration."""

    world: GearWorld | None = None
    method: str = "gradsim"

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        assert self.world is not None
        vertices = self.world.move(self.world.policy(self.leaves["weights"]))[0]
        loss = self.world.loss(self.method, vertices)
        loss.backward()  # type: ignore[no-untyped-call]
        return StepResult(
            float(loss.detach()), {"position_error": float(self.world.error(vertices.detach()))}
        )


def run_control(
    request: ControlRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Search for a policy by every method and write the job's files (see docs/files.md)."""
    watch = Stopwatch.start()
    torch.set_num_threads(request.threads)
    identity = run_id(request.parameters(), code.fingerprint, {}, stack)
    world = GearWorld(request)
    histories, final = [], {"goal": world.goal.numpy(), "target": world.target.numpy()}
    motions: dict[str, Tree] = {"start": _motion(world, world.policy(world.start))}
    for method in request.settings.methods:
        if method == "random":
            history = random_errors(request, world)
        else:
            history, weights = _search(request, world, method, state_root / identity, identity)
            motions[method] = _motion(world, world.policy(torch.as_tensor(weights, dtype=DTYPE)))
        histories.append(history.with_columns(method=pl.lit(method), seed=request.job.seed))
    write_job(
        JobFiles(folder),
        request.job,
        run_id=identity,
        parameters=request.parameters(),
        final={**final, "motions": motions},
        histories=histories,
        rows=[row for part in histories for row in _rows(request, part, identity, code, stack)],
        code=code,
        stack=stack,
        watch=watch,
    )
    shutil.rmtree(state_root / identity, ignore_errors=True)


def _search(
    request: ControlRequest, world: GearWorld, method: str, workdir: Path, identity: str
) -> tuple[pl.DataFrame, np.ndarray]:
    """Return the history of a search, and the weights of the lowest loss."""
    settings = request.settings
    leaves = {"weights": world.start.clone().requires_grad_()}
    search = GearSearch(leaves, lambda _: torch.zeros(()), settings.lr, world=world, method=method)
    found = fit(
        search,
        LoopSettings(iterations=settings.iterations),
        workdir / method,
        run_id=f"{identity}-{method}",
        seeds=request.seeds.child(method),
    )
    return found.history.select("iteration", "loss", "position_error"), np.asarray(found.best["weights"])


def random_errors(request: ControlRequest, world: GearWorld) -> pl.DataFrame:
    """Return the position errors of actuations that are drawn anew for every element, step and iteration."""
    errors = []
    for iteration in range(min(request.settings.iterations, RANDOM_TRIALS)):
        draw = np.random.default_rng(request.seeds.seed("random", iteration))
        noise = draw.uniform(-1.0, 1.0, size=(world.clock.steps, len(world.corners)))
        with torch.no_grad():
            act = torch.tensor(request.settings.strength * noise, dtype=DTYPE)
            errors.append(float(world.error(world.move(act)[0])))
    return pl.DataFrame({"iteration": range(len(errors)), "position_error": errors})


def _motion(world: GearWorld, act: torch.Tensor) -> np.ndarray:
    """Return the vertices (frames, N, 3) of a video."""
    with torch.no_grad():
        return np.asarray(world.move(act, VIDEO_FRAMES).numpy(), dtype=np.float16)


def _rows(
    request: ControlRequest, history: pl.DataFrame, identity: str, code: Code, stack: Mapping[str, str]
) -> list[MetricRow]:
    """Return first, best and last position error of one method; `random` has their mean."""
    method = history["method"][0]
    context = replace(
        row_context(
            request.job,
            "gear",
            "policy",
            tier=request.tier,
            run_id=f"{identity}-{method}",
            code=code,
            stack=stack,
        ),
        method=method,
    )
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
