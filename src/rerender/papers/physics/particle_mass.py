"""The mass of every particle of a soft ball that is thrown, from video (Table 3, first column; fact sheet, section 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch

from rerender.papers.physics.fields import FieldSubject
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import ParticleMassSettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest, refinement
from rerender.simulation.elements import make_tets, tet_inverse_mass
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound, require_stable
from rerender.simulation.tet_mesh import ball

MASS, TOTAL, CENTRE = "rel_error/particle_mass", "rel_error/total_mass", "abs_error/mass_centre"
UNITS: Mapping[str, str] = {CENTRE: "m"}
CELLS = 4
DENSITY, STIFFNESS, DAMPING = 10.0, 1000.0, 1.0  # [kg/m³], [Pa], [Pa s]
CONTACT = (1e4, 1.0, 10.0, 0.5)
START = (-2.0, 2.0, 0.0)
COLOUR = (1.0, 1.0, 0.0)
VIDEO_FRAMES = 30


class Ball:
    """The ball: rest shape, true masses, and its motion for some masses."""

    def __init__(self, settings: ParticleMassSettings) -> None:
        mesh = ball(CELLS)
        self.settings = settings
        self.rest = torch.tensor(mesh.vertices, dtype=DTYPE)
        self.faces = torch.tensor(mesh.surface)
        corners = torch.tensor(mesh.tets)
        self.mass = 1.0 / tet_inverse_mass(self.rest, corners, DENSITY)
        self.tets = make_tets(self.rest, corners, STIFFNESS, STIFFNESS, DAMPING)
        self.contact = torch.tensor(CONTACT, dtype=DTYPE)

    def move(self, mass: torch.Tensor, speed: float, frames: int, refine: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] of a ball with particle masses (N,) [kg] thrown along x [m/s]."""
        steps = round(60 * self.settings.substeps * self.settings.seconds) * refine
        clock = ParticleClock(self.settings.seconds / steps, steps)
        shown = [round((index + 1) * steps / frames) for index in range(frames)]
        velocity = torch.tensor([speed, 0.0, 0.0], dtype=DTYPE).expand_as(self.rest)
        place = self.rest + torch.tensor(START, dtype=DTYPE)
        system = ParticleSystem(1.0 / mass, tets=self.tets, contact=self.contact)
        return simulate_particles(system, place, velocity, clock, shown)[0]

    def require_stable(self, mass: torch.Tensor) -> None:
        """Refuse a step that is too long for these masses (N,) [kg]."""
        system = ParticleSystem(1.0 / mass, tets=self.tets, contact=self.contact)
        require_stable(1.0 / (60 * self.settings.substeps), particle_bound(system, self.rest), "the ball")


def subjects(request: EstimateRequest) -> Iterator[FieldSubject]:
    """Yield the balls of a job, thrown at speeds of their own; the field is the logarithm of the mass (N,)."""
    settings: ParticleMassSettings = request.settings
    thing = Ball(settings)
    for index in range(settings.instances):
        yield _subject(request, thing, f"ball_{index + 1}")


def _subject(request: EstimateRequest, thing: Ball, name: str) -> FieldSubject:
    settings: ParticleMassSettings = request.settings
    draw = np.random.default_rng(request.seeds(name).seed("object"))
    speed = float(draw.uniform(*settings.speed))
    noise = draw.uniform(-settings.spread, settings.spread, size=len(thing.rest))
    truth = thing.mass.log()
    guess = truth + torch.tensor(noise, dtype=DTYPE)
    thing.require_stable(guess.exp())
    colour = torch.tensor(COLOUR, dtype=DTYPE)
    look = Look(thing.faces, colour, settings.view, request.raster, request.backend, ground=0.0)

    def loss_of(method: str) -> Callable[[torch.Tensor], torch.Tensor]:
        variant = request.job.variant
        with torch.no_grad():
            goal = thing.move(thing.mass, speed, settings.frames, refinement(variant))
            seed = request.seeds(name).seed("noise")
            target = look.recorded(goal, variant, settings.noise, seed)
        if method == "diffphysics":
            return lambda field: ((thing.move(field.exp(), speed, settings.frames) - goal) ** 2).mean()
        return lambda field: (
            (look.film(thing.move(field.exp(), speed, settings.frames)) - target) ** 2
        ).mean()

    def measure(field: torch.Tensor) -> dict[str, float]:
        mass = field.exp()
        centre = [(part[:, None] * thing.rest).sum(dim=0) / part.sum() for part in (mass, thing.mass)]
        return {
            MASS: float(((mass - thing.mass).abs() / thing.mass).mean()),
            TOTAL: float((mass.sum() / thing.mass.sum() - 1.0).abs()),
            CENTRE: float((centre[0] - centre[1]).norm()),
        }

    def motion(field: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return thing.move(field.exp(), speed, VIDEO_FRAMES)

    return FieldSubject(name, truth, guess, loss_of, measure, motion, look)
