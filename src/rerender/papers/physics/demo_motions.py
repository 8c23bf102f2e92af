"""Demos of estimation from video: lengths and gravity of pendula, speed and gravity of a ball that bounces (fact sheet, section 4.10).

Bobs and ball are spheres that the soft rasteriser films. Scenes are the released ones, but for the bob of the simple pendulum (0.5 m
in place of 1 m) and the ball's speed, and guesses are fixed, not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from rerender.core.meshes import icosphere
from rerender.papers.physics.demo_specs import MOTIONS, DemoSettings
from rerender.papers.physics.estimation import Loss
from rerender.papers.physics.grid import Job
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import RasterSettings, ViewSettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest, Subject
from rerender.simulation.bouncing import bounce
from rerender.simulation.pendulum import bobs, double_pendulum, integrate, simple_pendulum

Values = Mapping[str, torch.Tensor]
"""Parameters by name, each of shape (1,)."""
COLOUR = (1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Motion:
    """Spheres that move in the plane z = 0: `places(values)` are their centres (T, K, 2) [m], one every frame.

    Every so many frames are compared.
    """

    units: Mapping[str, str]
    truth: Mapping[str, float]
    guess: Mapping[str, float]
    places: Callable[[Values], torch.Tensor]
    radius: float
    every: int
    distance: float


def pendulum(values: Values) -> torch.Tensor:
    """Return where the bob is: 5 s of a damped pendulum that is struck as it hangs."""
    rate = simple_pendulum(values["length"][0], values["gravity"][0], damping=0.5)
    states = integrate(rate, torch.tensor([0.0, 3.0], dtype=DTYPE), 0.1, 50)
    return bobs(states[:, :1], values["length"])


def two_pendula(values: Values) -> torch.Tensor:
    """Return where the bobs of a double pendulum are, 1.7 s long."""
    lengths = torch.cat([values["length_1"], values["length_2"]])
    start = torch.tensor([3 * math.pi / 7, 0.0, 3 * math.pi / 4, 0.0], dtype=DTYPE)
    states = integrate(double_pendulum(lengths, torch.ones(2, dtype=DTYPE)), start, 1 / 30, 50)
    return bobs(states[:, [0, 2]], lengths)


def ball(values: Values) -> torch.Tensor:
    """Return where a ball is that was thrown level, 3.3 s long."""
    start = torch.tensor([-7.5, 5.0], dtype=DTYPE)
    thrown = torch.cat([values["speed"], torch.zeros(1, dtype=DTYPE)])
    return bounce(start, thrown, -values["gravity"][0], radius=BALL_RADIUS, h=1 / 30, steps=100)[:, None]


BALL_RADIUS = 0.75
SCENES: Mapping[str, Motion] = MappingProxyType(
    {
        MOTIONS[0]: Motion(
            {"length": "m", "gravity": "m/s²"},
            {"length": 1.0, "gravity": 9.91},
            {"length": 0.5, "gravity": 5.0},
            pendulum,
            radius=0.5,
            every=10,
            distance=8.0,
        ),
        MOTIONS[1]: Motion(
            {"length_1": "m", "length_2": "m"},
            {"length_1": 1.0, "length_2": 1.0},
            {"length_1": 1.0, "length_2": 1.7},
            two_pendula,
            radius=0.25,
            every=4,
            distance=8.0,
        ),
        MOTIONS[2]: Motion(
            {"speed": "m/s", "gravity": "m/s²"},
            {"speed": 3.0, "gravity": 9.0},
            {"speed": 3.6, "gravity": 10.0},
            ball,
            radius=BALL_RADIUS,
            every=4,
            distance=15.0,
        ),
    }
)


def motion_subjects(
    settings: DemoSettings, raster: RasterSettings, job: Job, tier: str
) -> Iterator[tuple[EstimateRequest, Subject]]:
    """Yield every motion as a subject, with the request that has its units."""
    for name, scene in SCENES.items():
        yield EstimateRequest(job, settings, raster, scene.units, tier), _subject(name, scene, raster)


def _subject(name: str, scene: Motion, raster: RasterSettings) -> Subject:
    sphere = icosphere(1, scene.radius)
    points = torch.tensor(sphere.vertices, dtype=DTYPE)
    count = scene.places(_tensors(scene.truth)).shape[1]
    faces = torch.cat([torch.tensor(sphere.faces) + k * len(points) for k in range(count)])
    view = ViewSettings(distance=scene.distance, elevation=0.0)
    look = Look(faces, torch.tensor(COLOUR, dtype=DTYPE), view, raster)

    def placed(centres: torch.Tensor) -> torch.Tensor:
        """Return the vertices (T, K · V, 3) of spheres at centres (T, K, 2)."""
        flat = torch.nn.functional.pad(centres, (0, 1))
        return (flat[:, :, None] + points).flatten(1, 2)

    def motion(values: Mapping[str, float]) -> torch.Tensor:
        with torch.no_grad():
            return placed(scene.places(_tensors(values)))

    def loss_of(method: str) -> Loss:
        with torch.no_grad():
            goal = scene.places(_tensors(scene.truth))[:: scene.every]
            target = look.recorded(placed(goal), "default", 0.0, 0)

        def loss(logarithms: Values) -> torch.Tensor:
            values = {key: value.exp() for key, value in logarithms.items()}
            seen = scene.places(values)[:: scene.every]
            if method == "diffphysics":
                return ((seen - goal) ** 2).mean()
            return ((look.film(placed(seen)) - target) ** 2).mean()

        return loss

    return Subject(
        name,
        scene.truth,
        scene.guess,
        motion=motion,
        true_motion=lambda: motion(scene.truth),
        look=look,
        answers={"random": scene.guess},
        loss_of=loss_of,
    )


def _tensors(values: Mapping[str, float]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([value], dtype=DTYPE) for name, value in values.items()}
