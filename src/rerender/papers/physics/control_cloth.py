"""control-cloth: the velocity with which a cloth must be thrown to be where it is in a picture (Fig. 4b; fact sheet, section 4.9).

A square sheet flies through still air, with drag and lift, and without ground. Its three components of velocity are sought.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from rerender.papers.physics.control import DTYPE, ControlRequest, run_control
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import ControlClothSettings
from rerender.provenance.manifest import Code
from rerender.simulation.cloth_mesh import sheet
from rerender.simulation.elements import make_bends, make_triangles
from rerender.simulation.particles import ParticleClock, ParticleSystem, simulate_particles
from rerender.simulation.rigid import rotate
from rerender.simulation.stability import particle_bound, require_stable

CELL, MASS = 0.125, 2.0  # [m], [kg] of a particle
STIFFNESS, DAMPING, DRAG, LIFT = 1e4, 100.0, 5.0, 10.0
AXIS = torch.nn.functional.normalize(torch.tensor([1.0, 0.5, 0.0], dtype=DTYPE), dim=0)
LEFT, HEIGHT = -5.0, (2.0, 3.0)
"""Where the sheet's corner starts [m]."""
FURTHEST, GOAL_HEIGHT = 3.0, -3.0
"""The goal's corner is somewhere between x = 0 and here, and this high [m]."""
FIRST, RANDOM = (1.0, 0.0, 0.0), (1.5, 0.0, 0.0)
"""First guess of the velocity, and what `random` adds to it, besides a draw below 1 for every particle [m/s]."""
COLOUR = (0.0, 1.0, 0.0)
BLURS = (1.0 / 8, 1.0 / 4, 1.0 / 2)
"""Coarser than the other experiments': the sheet is some pixels wide, and half a picture away from its goal."""


class ClothWorld:
    """The cloth, its goal, and where it goes when it is thrown."""

    scene = "cloth"
    blurs: Sequence[float] = BLURS

    def __init__(self, request: ControlRequest) -> None:
        settings: ControlClothSettings = request.settings
        self.settings = settings
        draw = np.random.default_rng(request.seeds.seed("cloth"))
        low, high = settings.cells
        side = int(draw.integers(low, high, endpoint=True))
        mesh = sheet((side, side), CELL)
        turn = torch.cat([AXIS * math.sin(math.pi / 4.0), torch.tensor([math.cos(math.pi / 4.0)])])
        turned = rotate(turn, torch.tensor(mesh.vertices, dtype=DTYPE))
        self.faces = torch.tensor(mesh.faces)
        self.place = turned + torch.tensor([LEFT, draw.uniform(*HEIGHT), 0.0], dtype=DTYPE)
        goal = turned + torch.tensor([draw.uniform(0.0, FURTHEST), GOAL_HEIGHT, 0.0], dtype=DTYPE)
        self.goal = goal.mean(dim=0)
        self.share = torch.full((len(turned),), 1.0 / len(turned), dtype=DTYPE)
        self.start = torch.tensor(FIRST, dtype=DTYPE)
        colour = torch.tensor(COLOUR, dtype=DTYPE)
        self.look = Look(self.faces, colour, settings.view, request.raster, request.backend)
        self.target = self.look.goal(goal)
        self.system = ParticleSystem(
            torch.full((len(turned),), 1.0 / MASS, dtype=DTYPE),
            triangles=make_triangles(
                self.place, self.faces, STIFFNESS, STIFFNESS, DAMPING, drag=DRAG, lift=LIFT
            ),
            bends=make_bends(self.place, self.faces),
        )
        h = 1.0 / (60 * settings.substeps)
        require_stable(h, particle_bound(self.system, self.place), "the cloth")
        self.clock = ParticleClock(h, round(settings.seconds / h))

    def move(self, velocity: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] after a throw with velocities (N, 3) [m/s]."""
        shown = [round((index + 1) * self.clock.steps / frames) for index in range(frames)]
        return simulate_particles(self.system, self.place, velocity, self.clock, shown)[0]

    def steered(self, parameters: torch.Tensor, frames: int = 1) -> torch.Tensor:
        """Return the vertices (frames, N, 3) [m] after a throw with one velocity (3,) [m/s]."""
        return self.move(parameters.expand_as(self.place), frames)

    def at_random(self, draw: np.random.Generator) -> torch.Tensor:
        """Return the last vertices (N, 3) [m] after a throw in which every particle has a velocity of its own."""
        own = torch.tensor(draw.uniform(size=tuple(self.place.shape)), dtype=DTYPE)
        return self.move(torch.tensor(FIRST, dtype=DTYPE) + torch.tensor(RANDOM, dtype=DTYPE) + own)[0]


def run(
    request: ControlRequest, code: Code, stack: Mapping[str, str], *, folder: Path, state_root: Path
) -> None:
    """Search for a velocity by every method and write the job's files."""
    run_control(request, ClothWorld(request), code, stack, folder=folder, state_root=state_root)
