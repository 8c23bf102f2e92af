"""Demo: mass and shape of a body from the video of a push, rendered by DIB-R (fact sheet, sections 3.2 and 4.10).

The body spins at a known speed and is pushed by a known force. The search begins with a sphere of the wrong mass: first the mass
alone, then all vertices and the mass. Colours of vertices are known. Mass is that of equal points at the vertices, as in the
released class, so the moment of inertia follows the shape. The released target, an apple, is not at hand: ours is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import polars as pl
import torch

from rerender.core.cameras import Camera
from rerender.core.files import Tree
from rerender.core.meshes import Mesh, icosphere
from rerender.core.seeds import SeedStream
from rerender.papers.physics.demo_specs import SHAPE, ShapeSettings
from rerender.papers.physics.estimation import Estimate, Loss, estimate
from rerender.papers.physics.jobs import Part, Run, search_rows
from rerender.papers.physics.looks import as_recorded
from rerender.papers.physics.outputs import error_rows
from rerender.papers.physics.specs import SearchSettings
from rerender.papers.physics.subjects import DTYPE
from rerender.perception.metrics.geometry import chamfer_l1, surface_distances
from rerender.rendering.dibr import DibrSettings, rasterise_dibr
from rerender.rendering.mesh_priors import MeshPriors
from rerender.rendering.soft_rasteriser import look_from
from rerender.simulation.rigid import RigidBodies, RigidClock, RigidState, simulate, world_points

MASS, VERTICES = "mass", "vertices"
TRUE_MASS, GUESS = 4.0, 6.0  # [kg]
RADIUS = 1.5  # [m]
SECONDS, STEPS, PUSH_STEPS = 1.5, 90, 6
FORCE, LEVER = (-60.0, 40.0, 20.0), (0.8, 0.5, -0.9)
"""The push [N], and where it acts on the body [m]."""
PLACE, SPIN = (1.0, -0.6, -0.2), (0.6, 4.0, 0.8)
"""Where the body's centre is at the start [m], and how it turns [rad/s]."""
HALF_ANGLE_DEG = 49.134 / 2
RED, GREEN = (0.85, 0.12, 0.10), (0.75, 0.80, 0.20)
CHAMFER_SAMPLES = 20_000

Values = Mapping[str, torch.Tensor]
"""`mass`, its logarithm (1,), and `vertices` (V, 3) [m]."""


def apple(directions: torch.Tensor) -> torch.Tensor:
    """Return the surface (V, 3) [m] of an apple in directions (V, 3) from its middle: two dimples, five lobes below, flattened."""
    x, up, z = directions.unbind(-1)
    around = torch.atan2(z, x)
    lobes = 0.08 * (1.0 - up**2).clamp_min(0.0).sqrt() * torch.cos(5.0 * around) * (1.0 - up) / 2.0
    stem, flower = torch.exp(-(1.0 - up) / 0.08), torch.exp(-(1.0 + up) / 0.05)
    radius = RADIUS * (1.0 + 0.12 * up - 0.55 * stem - 0.3 * flower + lobes)
    return radius[:, None] * directions * directions.new_tensor([1.0, 0.85, 1.0])


def skin(directions: torch.Tensor) -> torch.Tensor:
    """Return the colours (V, 3) of an apple: red with green stripes and poles, so that a turn is seen."""
    x, up, z = directions.unbind(-1)
    poles = torch.exp(-(1.0 - up) / 0.25) + 0.5 * torch.exp(-(1.0 + up) / 0.2)
    stripes = 0.25 * (0.5 + 0.5 * torch.cos(7.0 * torch.atan2(z, x))) * (1.0 - up**2)
    green = (poles + stripes).clamp(0.0, 1.0)[:, None]
    return (1.0 - green) * directions.new_tensor(RED) + green * directions.new_tensor(GREEN)


class Pushed:
    """The body's triangles and colours, and its motion and pictures for some mass and shape."""

    def __init__(self, settings: ShapeSettings) -> None:
        self.settings = settings
        self.ball = icosphere(settings.subdivisions)
        directions = torch.tensor(self.ball.vertices, dtype=DTYPE)
        self.faces = torch.tensor(self.ball.faces)
        self.colours = skin(directions)
        self.truth: Values = {MASS: _log(TRUE_MASS), VERTICES: apple(directions)}
        self.guess: Values = {MASS: _log(GUESS), VERTICES: RADIUS * directions}

    @property
    def camera(self) -> Camera:
        """The camera."""
        view = self.settings.view
        return look_from(view.distance, view.elevation, view.azimuth, HALF_ANGLE_DEG)

    def inertia(self, points: torch.Tensor) -> torch.Tensor:
        """Return the moment of inertia (3, 3) [m²] of 1 kg in equal parts at points (V, 3) about their centre, the origin."""
        second = (points[:, :, None] * points[:, None, :]).mean(dim=0)
        return second.diagonal().sum() * torch.eye(3, dtype=points.dtype) - second

    def move(self, values: Values, frames: int) -> torch.Tensor:
        """Return the vertices (frames, V, 3) [m] at the end of equal parts of the time."""
        points = values[VERTICES] - values[VERTICES].mean(dim=0)
        bodies = RigidBodies(
            values[MASS].exp(),
            self.inertia(points)[None],
            points.new_zeros((1, 1, 3)),
            torch.zeros(1, dtype=torch.int32),
            points.new_zeros((1, 4)),
            points.new_tensor([FORCE]),
            points.new_tensor([LEVER]),
        )
        upright = points.new_tensor([[0.0, 0.0, 0.0, 1.0]])
        start = RigidState(
            points.new_tensor([PLACE]), upright, points.new_zeros((1, 3)), points.new_tensor([SPIN])
        )
        clock = RigidClock(SECONDS / STEPS, STEPS, (0.0, 0.0, 0.0), push_steps=PUSH_STEPS)
        shown = torch.tensor([round((index + 1) * STEPS / frames) for index in range(frames)])
        return world_points(simulate(bodies, start, clock).at(shown), points[None])[:, 0]

    def film(self, values: Values, frames: int) -> torch.Tensor:
        """Return RGBA frames (frames, S, S, 4)."""
        moved = self.move(values, frames)
        return rasterise_dibr(moved, self.faces, self.colours, self.camera, DibrSettings(self.settings.size))

    @cached_property
    def target(self) -> torch.Tensor:
        """The 8-bit frames that are given."""
        with torch.no_grad():
            return as_recorded(self.film(self.truth, self.settings.frames), "default", 0.0, 0)

    def loss(self, values: Values) -> torch.Tensor:
        """Return the mean squared error of RGBA frames."""
        return ((self.film(values, self.settings.frames) - self.target) ** 2).mean()

    def chamfer(self, values: Values) -> float:
        """Return the Chamfer distance of a shape from the true one, both about their centres [m]."""
        found, true = (
            Mesh((shape - shape.mean(dim=0)).numpy(), self.ball.faces)
            for shape in (values[VERTICES], self.truth[VERTICES])
        )
        return chamfer_l1(surface_distances(found, true, CHAMFER_SAMPLES))


def shape_part(run: Run, settings: ShapeSettings) -> Part:
    """Find mass and shape; `final` has truth, guess, the mass alone, and what was found."""
    thing = Pushed(settings)
    priors = MeshPriors(thing.ball)

    def search(name: str, start: Values, loss: Loss, iterations: int, lr: float) -> Estimate:
        part = f"{SHAPE}-{name}"
        return run.once(
            part,
            lambda: estimate(
                start,
                loss,
                SearchSettings(iterations=iterations, lr=lr, finish=0),
                run.workdir / part,
                run_id=run.name(part),
                seeds=SeedStream(("physics", "demos", part)),
            ),
        )

    sphere = thing.guess[VERTICES]
    first = search(
        MASS,
        {MASS: thing.guess[MASS]},
        lambda values: thing.loss({**values, VERTICES: sphere}),
        settings.mass_iterations,
        settings.mass_lr,
    )
    weighed: Values = {MASS: torch.as_tensor(first.values[MASS]), VERTICES: sphere}
    whole = search(
        VERTICES,
        weighed,
        lambda values: thing.loss(values) + settings.smoothness * priors.laplacian(values[VERTICES]),
        settings.iterations,
        settings.lr,
    )
    found: Values = {name: torch.as_tensor(whole.values[name]) for name in (MASS, VERTICES)}
    context = run.context(SHAPE, "mass+vertices", "gradsim", SHAPE)
    with torch.no_grad():
        rows = [
            *error_rows(context, MASS, "kg", TRUE_MASS, _mass(found)),
            context.row("rel_error_start/mass", abs(GUESS / TRUE_MASS - 1.0)),
            context.row("rel_error/mass_of_sphere", abs(_mass(weighed) / TRUE_MASS - 1.0), better="lower"),
            context.row("chamfer", thing.chamfer(found), unit="m", better="lower"),
            context.row("chamfer_start", thing.chamfer(thing.guess), unit="m"),
            context.row("image_mse", float(thing.loss(found)), better="lower"),
            context.row("image_mse_start", float(thing.loss(thing.guess))),
            *search_rows(context, whole),
        ]
    states = {"truth": thing.truth, "guess": thing.guess, "mass": weighed, "found": found}
    final: Tree = {
        name: {MASS: _mass(values), VERTICES: values[VERTICES].numpy()} for name, values in states.items()
    }
    histories = [
        history.with_columns(scene=pl.lit(SHAPE), method=pl.lit("gradsim"), stage=pl.lit(stage))
        for stage, history in ((MASS, first.history), (VERTICES, whole.history))
    ]
    return Part({SHAPE: final}, histories, rows)


def values_of(tree: Mapping[str, object]) -> Values:
    """Return mass and shape of an entry of `final`."""
    return {
        MASS: _log(float(str(tree[MASS]))),
        VERTICES: torch.as_tensor(np.asarray(tree[VERTICES]), dtype=DTYPE),
    }


def _log(mass: float) -> torch.Tensor:
    return torch.tensor([math.log(mass)], dtype=DTYPE)


def _mass(values: Values) -> float:
    return math.exp(float(values[MASS]))
