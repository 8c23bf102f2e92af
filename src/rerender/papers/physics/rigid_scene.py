"""One object of the rigid-mass experiment: what is drawn for it, how it moves, and how it looks (section 4.1).

The body starts at rest in the origin, without gravity, in a random orientation. A push of known force in a random
direction acts for a tenth of a second towards its lowest vertex: only a force in newtons makes a mass visible.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.physics.looks import Look
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import Backend, RasterSettings, RigidMassSettings, ViewSettings
from rerender.papers.physics.subjects import DTYPE
from rerender.simulation.mass_properties import solid
from rerender.simulation.rigid import (
    RigidBodies,
    RigidClock,
    RigidState,
    Vector,
    rotate,
    simulate,
    world_points,
)

NO_CONTACT = (0.0, 0.0, 0.0, 0.0)
NO_GRAVITY: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class RigidObject:
    """A shape with its true mass [kg], pose (x, y, z, w), push [N] at a point of the body [m], and colour."""

    name: str
    vertices: torch.Tensor
    faces: torch.Tensor
    inertia: torch.Tensor
    mass: float
    guess: float
    pose: torch.Tensor
    push: torch.Tensor
    push_at: torch.Tensor
    colour: torch.Tensor

    def bodies(self, mass: torch.Tensor) -> RigidBodies:
        """Return B copies of the body with masses (B,) [kg]."""
        count = len(mass)
        return RigidBodies(
            mass,
            self.inertia.expand(count, 3, 3),
            self.vertices.new_zeros((count, 1, 3)),
            torch.zeros(count, dtype=torch.int32),
            self.vertices.new_tensor(NO_CONTACT).expand(count, 4),
            self.push.expand(count, 3),
            self.push_at.expand(count, 3),
        )

    def rest(self, count: int) -> RigidState:
        """Return B copies of the start."""
        still = self.vertices.new_zeros((count, 3))
        return RigidState(still, self.pose.expand(count, 4), still, still)


def draw_object(name: str, settings: RigidMassSettings, seeds: SeedStream) -> RigidObject:
    """Draw mass, first guess, orientation, push and colour of an object."""
    mesh = shape(name)
    properties = solid(mesh)
    vertices = torch.tensor(mesh.vertices - properties.centre, dtype=DTYPE)
    draw = np.random.default_rng(seeds.seed("object"))
    mass, guess = draw.uniform(*settings.mass, size=2)
    turn = draw.uniform(-1.0, 1.0, size=4)
    turn[3] += 1.0  # (u, u, u, 1 + u), as released
    pose = torch.tensor(turn / np.linalg.norm(turn), dtype=DTYPE)
    direction = draw.normal(size=3)
    lowest = vertices[int(rotate(pose, vertices)[:, 1].argmin())]
    return RigidObject(
        name,
        vertices,
        torch.tensor(mesh.faces),
        torch.tensor(properties.inertia, dtype=DTYPE),
        float(mass),
        float(guess),
        pose,
        torch.tensor(settings.force * direction / np.linalg.norm(direction), dtype=DTYPE),
        settings.lever * lowest,
        torch.tensor(draw_colour(draw), dtype=DTYPE),
    )


def draw_colour(draw: np.random.Generator) -> tuple[float, float, float]:
    """Draw a bright colour: hue, saturation from 0.5 and lightness from 0.4 (section 4.1)."""
    hue, saturation, lightness = draw.uniform(size=3)
    return colorsys.hls_to_rgb(hue, 0.4 + lightness / 5, 0.5 + saturation / 2)


def frames_shown(settings: RigidMassSettings) -> list[int]:
    """Return the frames that are compared; frame 0 is after the first step."""
    return list(range(0, round(settings.fps * settings.seconds), settings.frame_every))


def move(thing: RigidObject, mass: torch.Tensor, settings: RigidMassSettings, refine: int = 1) -> RigidState:
    """Return the states (frames, B, …) at the end of every frame; `refine` divides the step further."""
    steps = settings.substeps * refine
    h = 1.0 / (settings.fps * steps)
    frames = round(settings.fps * settings.seconds)
    clock = RigidClock(
        h,
        frames * steps,
        NO_GRAVITY,
        push_steps=math.ceil(settings.push_seconds / h - 1e-9),
    )
    motion = simulate(thing.bodies(mass), thing.rest(len(mass)), clock)
    return motion.at(slice(steps, None, steps))


def positions(thing: RigidObject, motion: RigidState, frames: list[int]) -> torch.Tensor:
    """Return the vertices (frames, V, 3) of the first body at some frames."""
    return world_points(motion.at(torch.tensor(frames)), thing.vertices[None])[:, 0]


def look_of(thing: RigidObject, view: ViewSettings, raster: RasterSettings, backend: Backend) -> Look:
    """Return how an object is filmed."""
    return Look(thing.faces, thing.colour, view, raster, backend)
