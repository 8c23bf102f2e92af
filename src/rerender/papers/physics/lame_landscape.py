"""The loss between videos of a beam over its Lamé parameters, around the truth of 1000 Pa each (fact sheet, section 4.3).

The released sweeps change one parameter at a time; here is the plane of both as well. The scene is that of `lame`.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import torch

from rerender.papers.physics.curves import LAME_COMPARED, LAME_SLICES, PLANE, TRUE_LAME
from rerender.papers.physics.lame import COLOUR, Beam
from rerender.papers.physics.looks import Look
from rerender.papers.physics.specs import LameSettings, LandscapeSettings, RasterSettings
from rerender.papers.physics.subjects import DTYPE


def lame_landscape(settings: LandscapeSettings) -> pl.DataFrame:
    """Return losses by `part`: a slice, divided by its maximum as published, or the plane; columns `mu`, `lambda` [Pa], `loss`."""
    beam = LameSettings(substeps=settings.beam_substeps, seconds=settings.beam_seconds)
    thing = Beam(beam)
    thing.require_stable(max(LAME_COMPARED))
    raster = RasterSettings(size=settings.beam_size)
    look = Look(thing.faces, torch.tensor(COLOUR, dtype=DTYPE), beam.view, raster)

    def film(mu: float, lam: float) -> torch.Tensor:
        first, second = (torch.tensor([value], dtype=DTYPE) for value in (mu, lam))
        with torch.no_grad():
            return look.film(thing.move(first, second, beam.frames))

    truth = film(TRUE_LAME, TRUE_LAME)
    rows = [
        {"part": part, "mu": mu, "lambda": lam, "loss": float(((film(mu, lam) - truth) ** 2).mean())}
        for part, mu, lam in _places(settings)
    ]
    largest = pl.when(pl.col("part") == PLANE).then(1.0).otherwise(pl.col("loss").max().over("part"))
    return pl.DataFrame(rows).with_columns(loss=pl.col("loss") / largest)


def _places(settings: LandscapeSettings) -> Iterator[tuple[str, float, float]]:
    """Yield the part and the parameters of every loss: slices where published values are known, then the plane."""
    mu, lam = LAME_SLICES
    yield from ((mu, value, TRUE_LAME) for value in LAME_COMPARED)
    yield from ((lam, TRUE_LAME, value) for value in LAME_COMPARED)
    steps = range(-2 * settings.per_octave, settings.per_octave + 1)
    line = [TRUE_LAME * 2.0 ** (step / settings.per_octave) for step in steps]
    yield from ((PLANE, first, second) for first in line for second in line)
