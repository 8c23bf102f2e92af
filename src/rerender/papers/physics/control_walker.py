"""control-walker: a flat elastic body learns to walk to where it is in a picture (Fig. 3; fact sheet, section 4.7).

act(t) = 0.2 tanh(W φ(t)),  φ_p = sin(20 t + p π/4),  p = 0 … 7, one row of W for each of 104 triangles, whose area it
changes. The body stays in its plane: a compressed sheet without stiffness against bending would buckle out of it, and its
adjoint grows without bound even where the motion does not.
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
from rerender.papers.physics.specs import ControlWalkerSettings
from rerender.provenance.manifest import Code
from rerender.simulation.cloth_mesh import walker
from rerender.simulation.elements import make_triangles
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.stability import particle_bound, require_stable

FREQUENCY, SHIFT = 20.0, math.pi / 4.0
STIFFNESS, DAMPING, MASS = 1e4, 100.0, 1.0  # [N/m], [N s/m], [kg] of a particle
CONTACT = (1e4, 1e3, 1e3, 0.5)
COLOUR = (0.0, 1.0, 0.0)


class WalkerWorld:
    """The walker, its goal, and where it goes under a policy."""

    scene = "walker"
    blurs: Sequence[float] = BLURS

    def __init__(self, request: ControlRequest) -> None:
        settings: ControlWalkerSettings = request.settings
        self.settings = settings
        mesh = walker()
        self.rest = torch.tensor(mesh.vertices, dtype=DTYPE)
        self.faces = torch.tensor(mesh.faces)
        count = len(self.rest)
        self.share = torch.full((count,), 1.0 / count, dtype=DTYPE)
        self.inverse_mass = torch.full((count,), 1.0 / MASS, dtype=DTYPE)
        draw = np.random.default_rng(request.seeds.seed("policy"))
        self.start = torch.tensor(policy_start(draw, len(mesh.faces)), dtype=DTYPE)
        goal = self.rest + torch.tensor([settings.distance, 0.0, 0.0], dtype=DTYPE)
        self.goal = goal.mean(dim=0)
        colour = torch.tensor(COLOUR, dtype=DTYPE)
        self.look = Look(self.faces, colour, settings.view, request.raster, request.backend, ground=0.0)
        self.target = self.look.goal(goal)
        h = 1.0 / (60 * settings.substeps)
        idle = self.system(torch.zeros((1, len(mesh.faces)), dtype=DTYPE))
        require_stable(h, particle_bound(idle, self.rest), "the walker")
        self.clock = ParticleClock(h, round(settings.seconds / h), planar=True)

    def system(self, act: torch.Tensor) -> ParticleSystem:
        """Return the walker with an actuation (steps, triangles)."""
        triangles = make_triangles(self.rest, self.faces, STIFFNESS, STIFFNESS, DAMPING, act=act)
        contact = torch.tensor(CONTACT, dtype=DTYPE)
        return ParticleSystem(self.inverse_mass, triangles=triangles, contact=contact)

    def move(self, act: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] at the end of equal parts of the time."""
        shown = [round((index + 1) * self.clock.steps / frames) for index in range(frames)]
        still = torch.zeros_like(self.rest)
        return simulate_particles(self.system(act), self.rest, still, self.clock, shown)[0]

    def steered(self, parameters: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] under a policy's weights (104, 8)."""
        return self.move(policy(parameters, self.clock, self.settings.strength, FREQUENCY, SHIFT), frames)

    def at_random(self, draw: np.random.Generator) -> torch.Tensor:
        """Return the last vertices (N, 3) [m] where every triangle acts at random in every step."""
        noise = draw.uniform(-1.0, 1.0, size=(self.clock.steps, len(self.faces)))
        return self.move(torch.tensor(self.settings.strength * noise, dtype=DTYPE))[0]


def run(
    request: ControlRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Search for a policy by every method and write the job's files."""
    run_control(request, WalkerWorld(request), code, stack, folder=folder, state_root=state_root)
