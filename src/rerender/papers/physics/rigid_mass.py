"""The mass of a rigid body from the video of a push (Table 1): one job has all shapes.

Errors are of an object's total mass: the paper's table mixes it with the mass of a vertex.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from rerender.core.seeds import SeedStream
from rerender.papers.physics.estimation import Loss
from rerender.papers.physics.grid import shapes_of
from rerender.papers.physics.rigid_scene import (
    RigidObject,
    draw_object,
    frames_shown,
    look_of,
    move,
    positions,
)
from rerender.papers.physics.specs import RigidMassSettings
from rerender.papers.physics.subjects import DTYPE, EstimateRequest, Subject, refinement

MASS = "mass"
UNITS: Mapping[str, str] = {MASS: "kg"}


def subjects(request: EstimateRequest) -> Iterator[Subject]:
    """Yield the objects of a job, one a shape."""
    settings: RigidMassSettings = request.settings
    mean = training_mean(settings)
    low, high = settings.mass
    scan = [low * (high / low) ** ((k + 0.5) / settings.scan) for k in range(settings.scan)]
    for name in shapes_of(settings, request.job.variant):
        yield _subject(request, name, mean, scan)


def example(request: EstimateRequest, name: str, seeds: SeedStream) -> tuple[dict[str, float], torch.Tensor]:
    """Return the parameters of an object that `seeds` draw, and the 8-bit frames (T, S, S, 4) that are compared."""
    settings: RigidMassSettings = request.settings
    thing = draw_object(name, settings, seeds)
    with torch.no_grad():
        seen = positions(thing, move(thing, _tensor(thing.mass), settings), frames_shown(settings))
        look = look_of(thing, settings.view, request.raster, request.backend)
        return {MASS: thing.mass}, look.recorded(seen, "default", 0.0, 0)


def training_mean(settings: RigidMassSettings) -> float:
    """Return the mean of the training masses [kg], the answer of `average`."""
    draw = np.random.default_rng(SeedStream(("physics", "training")).seed("mass"))
    return float(draw.uniform(*settings.mass, size=settings.training).mean())


def _subject(request: EstimateRequest, name: str, mean: float, scan: list[float]) -> Subject:
    settings: RigidMassSettings = request.settings
    thing = draw_object(name, settings, request.seeds(name))
    guess = {MASS: thing.guess}

    def motion(values: Mapping[str, float], refine: int = 1) -> torch.Tensor:
        frames = list(range(round(settings.fps * settings.seconds)))
        with torch.no_grad():
            return positions(thing, move(thing, _tensor(values[MASS]), settings, refine), frames)

    return Subject(
        name,
        truth={MASS: thing.mass},
        guess=guess,
        loss_of=lambda method: _loss(request, thing, method),
        motion=motion,
        true_motion=lambda: motion({MASS: thing.mass}, refinement(request.job.variant)),
        look=look_of(thing, settings.view, request.raster, request.backend),
        answers={"random": guess, "average": {MASS: mean}},
        starts=[{MASS: mass} for mass in scan],
    )


def _loss(request: EstimateRequest, thing: RigidObject, method: str) -> Loss:
    """Return the loss of a method: mean squared error of RGBA frames (gradsim) or of vertices (diffphysics)."""
    settings: RigidMassSettings = request.settings
    variant, look = request.job.variant, look_of(thing, settings.view, request.raster, request.backend)
    frames = frames_shown(settings)
    with torch.no_grad():
        moved = move(thing, _tensor(thing.mass), settings, refinement(variant))
        truth = positions(thing, moved, frames)
        seed = request.seeds(thing.name).seed("noise")
        target = look.recorded(truth, variant, settings.noise, seed)

    def seen(values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return positions(thing, move(thing, values[MASS].exp(), settings), frames)

    if method == "diffphysics":
        return lambda values: ((seen(values) - truth) ** 2).mean()
    return lambda values: ((look.film(seen(values)) - target) ** 2).mean()


def _tensor(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=DTYPE)
