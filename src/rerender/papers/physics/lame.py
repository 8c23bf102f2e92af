"""The Lamé parameters of a beam from a video of its sag (Table 3, second and third column; fact sheet, section 4.5).

A beam of 2 × 0.4 × 0.4 m and 1 kg/m³ is held at one end and falls under its weight from rest. The paper's scene was
not released: ours is the fact sheet's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch

from rerender.papers.physics.estimation import Loss
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import LameSettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest, Subject, refinement
from rerender.simulation.elements import make_tets, tet_inverse_mass
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound, require_stable
from rerender.simulation.tet_mesh import beam

MU, LAMBDA = "lame_mu", "lame_lambda"
UNITS: Mapping[str, str] = {MU: "Pa", LAMBDA: "Pa"}
DENSITY = 1.0  # [kg/m³]
DAMPING = 1.0  # [Pa s]
CENTRE = (-1.0, 0.3, -0.2)
"""Where the beam's corner is [m], so that the sag stays in view."""
COLOUR = (1.0, 1.0, 0.0)
VIDEO_FRAMES = 30


class Beam:
    """The beam: rest shape, masses, and its motion for some Lamé parameters."""

    def __init__(self, settings: LameSettings) -> None:
        mesh = beam()
        self.settings = settings
        self.rest = torch.tensor(mesh.vertices, dtype=DTYPE)
        self.corners = torch.tensor(mesh.tets)
        self.faces = torch.tensor(mesh.surface)
        inverse = tet_inverse_mass(self.rest, self.corners, DENSITY)
        self.inverse_mass = torch.where(self.rest[:, 0] < 1e-9, 0.0, inverse)
        self.place = self.rest + torch.tensor(CENTRE, dtype=DTYPE)

    def system(self, mu: torch.Tensor, lam: torch.Tensor) -> ParticleSystem:
        """Return the particle system with these parameters (1,) [Pa]."""
        tets = make_tets(self.rest, self.corners, mu, lam, DAMPING)
        return ParticleSystem(self.inverse_mass, tets=tets)

    def move(self, mu: torch.Tensor, lam: torch.Tensor, frames: int, refine: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] at the end of equal parts of the time."""
        steps = round(60 * self.settings.substeps * self.settings.seconds) * refine
        clock = ParticleClock(self.settings.seconds / steps, steps)
        shown = [round((index + 1) * steps / frames) for index in range(frames)]
        seen, _ = simulate_particles(
            self.system(mu, lam), self.place, torch.zeros_like(self.place), clock, shown
        )
        return seen

    def require_stable(self, largest: float) -> None:
        """Refuse a step that is too long for a beam of the stiffest parameters that are drawn [Pa]."""
        stiff = torch.tensor([largest], dtype=DTYPE)
        bound = particle_bound(self.system(stiff, stiff), self.rest)
        h = 1.0 / (60 * self.settings.substeps)
        require_stable(h, bound, f"a beam of {largest:g} Pa")


def subjects(request: EstimateRequest) -> Iterator[Subject]:
    """Yield the beams of a job, each with parameters of its own."""
    settings: LameSettings = request.settings
    thing = Beam(settings)
    thing.require_stable(settings.stiffness[1] * math.exp(settings.spread))
    for index in range(settings.instances):
        yield _subject(request, thing, f"beam_{index + 1}")


def _subject(request: EstimateRequest, thing: Beam, name: str) -> Subject:
    settings: LameSettings = request.settings
    draw = np.random.default_rng(request.seeds(name).seed("object"))
    truth = {key: float(draw.uniform(*settings.stiffness)) for key in UNITS}
    guess = {
        key: value * math.exp(draw.uniform(-settings.spread, settings.spread)) for key, value in truth.items()
    }
    colour = torch.tensor(COLOUR, dtype=DTYPE)
    look = Look(thing.faces, colour, settings.view, request.raster, request.backend)
    finer = refinement(request.job.variant)

    def moved(values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return thing.move(values[MU].exp(), values[LAMBDA].exp(), settings.frames)

    def loss_of(method: str) -> Loss:
        with torch.no_grad():
            goal = thing.move(_tensor(truth[MU]), _tensor(truth[LAMBDA]), settings.frames, finer)
            seed = request.seeds(name).seed("noise")
            target = look.recorded(goal, request.job.variant, settings.noise, seed)
        if method == "diffphysics":
            return lambda values: ((moved(values) - goal) ** 2).mean()
        return lambda values: ((look.film(moved(values)) - target) ** 2).mean()

    def motion(values: Mapping[str, float], refine: int = 1) -> torch.Tensor:
        with torch.no_grad():
            return thing.move(_tensor(values[MU]), _tensor(values[LAMBDA]), VIDEO_FRAMES, refine)

    return Subject(
        name,
        truth,
        guess,
        motion=motion,
        true_motion=lambda: motion(truth, finer),
        look=look,
        answers={"random": guess},
        loss_of=loss_of,
    )


def _tensor(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=DTYPE)
