"""The velocity of every particle of a hanging cloth at the start, from video (Table 3, last column; fact sheet, section 4.6).

A sheet of 2 × 1 m hangs by springs from two anchors beside its upper corners. 3D supervision compares its centre of mass
alone, as the paper did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch

from rerender.papers.physics.fields import FieldSubject
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import ClothVelocitySettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest, refinement
from rerender.simulation.cloth_mesh import sheet
from rerender.simulation.elements import make_bends, make_springs, make_triangles
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound, require_stable

VELOCITY, MEAN = "rel_error/velocity", "abs_error/mean_velocity"
UNITS: Mapping[str, str] = {MEAN: "m/s"}
CELLS, CELL = (20, 10), 0.1
PLACE, TURN = (-2.0, 1.5, 0.0), 1.04 * math.pi  # [m], [rad] about x
SPEED = (1.0, 0.0, 0.0)
STIFFNESS, DAMPING = 1e4, 100.0  # [N/m], [N s/m]
SPRING = (1e4, 1e3)
REACH = 1.0
"""How far the anchors are from the corners [m]."""
COLOUR = (1.0, 1.0, 0.0)
VIDEO_FRAMES = 30


class Cloth:
    """The cloth with its two anchors, which come last among the particles, and its motion from some velocities."""

    def __init__(self, settings: ClothVelocitySettings) -> None:
        mesh = sheet(CELLS, CELL)
        self.settings = settings
        flat = torch.tensor(mesh.vertices, dtype=DTYPE)
        self.faces = torch.tensor(mesh.faces)
        self.count = len(flat)
        cos, sin = math.cos(TURN), math.sin(TURN)
        turned = torch.stack([flat[:, 0], cos * flat[:, 1], sin * flat[:, 1]], dim=1)
        self.place = turned + torch.tensor(PLACE, dtype=DTYPE)
        corners = (0, CELLS[0])
        aside = torch.tensor([[-REACH, 0.0, 0.0], [REACH, 0.0, 0.0]], dtype=DTYPE)
        self.all = torch.cat([self.place, self.place[list(corners)] + aside])
        ends = torch.tensor([(self.count, corners[0]), (self.count + 1, corners[1])])
        inverse = torch.ones(len(self.all), dtype=DTYPE)
        inverse[self.count :] = 0.0
        self.system = ParticleSystem(
            inverse,
            triangles=make_triangles(self.all, self.faces, STIFFNESS, STIFFNESS, DAMPING),
            bends=make_bends(self.all, self.faces),
            springs=make_springs(self.all, ends, *SPRING),
        )
        h = 1.0 / (60 * settings.substeps)
        require_stable(h, particle_bound(self.system, self.all), "the cloth")

    def move(self, velocity: torch.Tensor, frames: int, refine: int = 1) -> torch.Tensor:
        """Return the cloth's vertices (frames, N, 3) [m] from velocities (N, 3) [m/s]."""
        steps = round(60 * self.settings.substeps * self.settings.seconds) * refine
        clock = ParticleClock(self.settings.seconds / steps, steps)
        shown = [round((index + 1) * steps / frames) for index in range(frames)]
        start = torch.cat([velocity, velocity.new_zeros((2, 3))])
        return simulate_particles(self.system, self.all, start, clock, shown)[0][:, : self.count]


def subjects(request: EstimateRequest) -> Iterator[FieldSubject]:
    """Yield the cloths of a job, which differ in their first guess; the field is the velocity (N, 3) [m/s]."""
    thing = Cloth(request.settings)
    for index in range(request.settings.instances):
        yield _subject(request, thing, f"cloth_{index + 1}")


def _subject(request: EstimateRequest, thing: Cloth, name: str) -> FieldSubject:
    settings: ClothVelocitySettings = request.settings
    draw = np.random.default_rng(request.seeds(name).seed("object"))
    truth = torch.tensor(SPEED, dtype=DTYPE).expand(thing.count, 3).clone()
    guess = torch.tensor(draw.uniform(size=(thing.count, 3)) - 0.01, dtype=DTYPE)
    colour = torch.tensor(COLOUR, dtype=DTYPE)
    look = Look(thing.faces, colour, settings.view, request.raster, request.backend)

    def loss_of(method: str) -> Callable[[torch.Tensor], torch.Tensor]:
        variant = request.job.variant
        with torch.no_grad():
            goal = thing.move(truth, settings.frames, refinement(variant))
            seed = request.seeds(name).seed("noise")
            target = look.recorded(goal, variant, settings.noise, seed)
        if method == "diffphysics":
            return lambda field: (
                (thing.move(field, settings.frames).mean(dim=1) - goal.mean(dim=1)) ** 2
            ).mean()
        return lambda field: ((look.film(thing.move(field, settings.frames)) - target) ** 2).mean()

    def measure(field: torch.Tensor) -> dict[str, float]:
        speed = truth.norm(dim=1).mean()
        return {
            VELOCITY: float((field - truth).abs().mean() / speed),
            MEAN: float((field - truth).mean(dim=0).norm()),
        }

    def motion(field: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return thing.move(field, VIDEO_FRAMES)

    return FieldSubject(name, truth, guess, loss_of, measure, motion, look)
