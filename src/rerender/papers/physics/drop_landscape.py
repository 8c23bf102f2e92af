"""The loss between videos of a cube that falls and bounces, over its mass and restitution (fact sheet, section 4.3).

As in the released class, a constant force pulls every vertex, so a heavier cube falls more slowly. It falls flat, and so remains flat:
its motion is a height over time. Frames of one time are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import torch

from rerender.papers.physics.curves import HEAVIEST, LIGHTEST, TRUE_MASS, TRUE_RESTITUTION
from rerender.papers.physics.looks import YELLOW
from rerender.papers.physics.shapes import shape
from rerender.papers.physics.specs import LandscapeSettings
from rerender.rendering.soft_rasteriser import SoftSettings, look_from, rasterise
from rerender.simulation.bouncing import drop

DTYPE = torch.float64
FORCE = 10.0
"""Downwards on every vertex [N]."""
START = 4.0
"""Height of the cube's centre at the start [m]."""
LEAST_RESTITUTION = 0.4
TIMES = tuple((frame + 1) / 30 for frame in range(0, 45, 5))
"""When frames are compared [s]: every fifth of 30 a second, for 1.5 s."""


def drop_landscape(settings: LandscapeSettings) -> pl.DataFrame:
    """Return the loss over the plane: columns `mass` of a vertex [kg], `restitution`, `loss`."""
    truth = film(TRUE_MASS, TRUE_RESTITUTION, settings.drop_size)
    return pl.DataFrame(
        [
            {"mass": mass, "restitution": share, "loss": _loss(film(mass, share, settings.drop_size), truth)}
            for mass, share in _places(settings)
        ]
    )


def film(mass: float, restitution: float, size: int) -> torch.Tensor:
    """Return the frames (T, size, size, 4) that are compared of a cube whose vertices have `mass` [kg] each."""
    cube = shape("box")
    vertices = torch.tensor(cube.vertices, dtype=DTYPE)
    half = -float(vertices[:, 1].min())
    heights = half + drop(np.array(TIMES), START - half, FORCE / mass, restitution)
    lifted = torch.tensor([0.0, 1.0, 0.0], dtype=DTYPE) * torch.tensor(heights)[:, None, None]
    colour = torch.tensor(YELLOW, dtype=DTYPE)
    settings = SoftSettings(size, premultiplied=False)
    return rasterise(
        vertices + lifted, torch.tensor(cube.faces), colour, look_from(10.0, 30.0, 0.0), settings
    )


def _loss(seen: torch.Tensor, truth: torch.Tensor) -> float:
    return float(((seen - truth) ** 2).mean())


def _places(settings: LandscapeSettings) -> Iterator[tuple[float, float]]:
    """Yield masses, evenly spaced in the logarithm, and restitutions, evenly spaced, the truth among them."""
    masses = np.append(np.geomspace(LIGHTEST, HEAVIEST, settings.drop_masses), TRUE_MASS)
    shares = np.append(np.linspace(LEAST_RESTITUTION, 1.0, settings.drop_restitutions), TRUE_RESTITUTION)
    for share in np.unique(shares.round(6)):
        yield from ((float(mass), float(share)) for mass in np.unique(masses.round(6)))
