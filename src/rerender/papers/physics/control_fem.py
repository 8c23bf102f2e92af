"""control-fem: a soft gear learns to roll to where it is in a picture (Fig. 4a; fact sheet, section 4.8).

act(t) = 0.3 tanh(W φ(t)),  φ_p = sin(2.5 (t + p π/4)),  p = 0 … 7, one row of W for each of 1,152 tetrahedra.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from rerender.papers.physics.control import DTYPE, ControlRequest, run_control
from rerender.papers.physics.looks import Look
from rerender.papers.physics.policies import policy, policy_start
from rerender.papers.physics.pyramids import BLURS
from rerender.papers.physics.specs import ControlSettings
from rerender.provenance.manifest import Code
from rerender.simulation.elements import make_tets, tet_inverse_mass
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound, require_stable
from rerender.simulation.tet_mesh import gear

FREQUENCY, SHIFT = 2.5, 2.5 * math.pi / 4.0
STIFFNESS, DAMPING, DENSITY = 1000.0, 1.0, 1.0  # [Pa], [Pa s], [kg/m³]
CONTACT = (1e4, 1.0, 10.0, 0.5)
START, SPEED = (-4.0, 2.0, 0.0), (1.5, 0.0, 0.0)
FURTHEST = 5.0
"""The goal is somewhere between x = 0 and here [m]."""
COLOUR = (1.0, 1.0, 0.0)


class GearWorld:
    """The gear, its goal, and what becomes of it under a policy."""

    scene = "gear"
    blurs: Sequence[float] = BLURS

    def __init__(self, request: ControlRequest) -> None:
        settings: ControlSettings = request.settings
        mesh = gear()
        self.settings = settings
        self.rest = torch.tensor(mesh.vertices, dtype=DTYPE)
        self.corners, self.faces = torch.tensor(mesh.tets), torch.tensor(mesh.surface)
        self.inverse_mass = tet_inverse_mass(self.rest, self.corners, DENSITY)
        self.share = (1.0 / self.inverse_mass) / (1.0 / self.inverse_mass).sum()
        draw = np.random.default_rng(request.seeds.seed("policy"))
        self.start = torch.tensor(policy_start(draw, len(mesh.tets)), dtype=DTYPE)
        self.goal = torch.tensor([draw.uniform(0.0, FURTHEST), START[1], 0.0], dtype=DTYPE)
        colour = torch.tensor(COLOUR, dtype=DTYPE)
        self.look = Look(self.faces, colour, settings.view, request.raster, request.backend, ground=0.0)
        self.target = self.look.goal(self.rest + self.goal)
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
        return policy(weights, self.clock, self.settings.strength, FREQUENCY, SHIFT)

    def move(self, act: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] at the end of equal parts of the time."""
        shown = [round((index + 1) * self.clock.steps / frames) for index in range(frames)]
        place = self.rest + torch.tensor(START, dtype=DTYPE)
        speed = torch.tensor(SPEED, dtype=DTYPE).expand_as(place)
        return simulate_particles(self.system(act), place, speed, self.clock, shown)[0]

    def steered(self, parameters: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] under a policy's weights."""
        return self.move(self.policy(parameters), frames)

    def at_random(self, draw: np.random.Generator) -> torch.Tensor:
        """Return the last vertices (N, 3) [m] where every element acts at random in every step."""
        noise = draw.uniform(-1.0, 1.0, size=(self.clock.steps, len(self.corners)))
        return self.move(torch.tensor(self.settings.strength * noise, dtype=DTYPE))[0]


def run(
    request: ControlRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Search for a policy by every method and write the job's files."""
    run_control(request, GearWorld(request), code, stack, folder=folder, state_root=state_root)
