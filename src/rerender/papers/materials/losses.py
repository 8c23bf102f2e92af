"""Image losses and regularisers of the materials paper (fact sheet, sections 2.5, 2.6 and 3.2).

Pictures are scene-linear radiance at the covered pixels of a batch, shape (N, 3). Means are over all `pixels` of the batch and
all channels, background included: both pictures are black there, so it adds nothing but its number. All terms are scalars
without unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from rerender.rendering.tonemap import srgb_encode

BRIGHTEST = 65535.0
"""Radiance is clamped to this, the largest number of the half-precision images of the released code."""


def mse(x: Tensor, y: Tensor) -> Tensor:
    """Return (x - y)^2, entry by entry."""
    return (x - y).square()


def relmse(x: Tensor, y: Tensor) -> Tensor:
    """Return (x - y)^2 / (x^2 + y^2 + 0.1)."""
    return (x - y).square() / (x.square() + y.square() + 0.1)


def smape(x: Tensor, y: Tensor) -> Tensor:
    """Return |x - y| / (|x| + |y| + 0.01)."""
    return (x - y).abs() / (x.abs() + y.abs() + 0.01)


def logl1(x: Tensor, y: Tensor) -> Tensor:
    """Return |T(x) - T(y)| with T(x) = sRGB(ln(1 + x))."""
    return (_toned(x) - _toned(y)).abs()


def logl2(x: Tensor, y: Tensor) -> Tensor:
    """Return (T(x) - T(y))^2 with T as in `logl1`."""
    return (_toned(x) - _toned(y)).square()


def _toned(x: Tensor) -> Tensor:
    return srgb_encode(torch.log1p(x))


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse,
    "relmse": relmse,
    "smape": smape,
    "logl1": logl1,
    "logl2": logl2,
}


def mixed(mix: Mapping[str, float], image: Tensor, target: Tensor, pixels: int) -> Tensor:
    """Return the weighted sum of the losses that `mix` names, each a mean over `pixels` and channels."""
    x, y = image.clamp(0.0, BRIGHTEST), target.clamp(0.0, BRIGHTEST)
    terms = [weight * LOSSES[name](x, y).sum() / (pixels * x.shape[-1]) for name, weight in mix.items()]
    return torch.stack(terms).sum()


def unevenness(values: Tensor, neighbours: Tensor, pixels: float) -> Tensor:
    """Return how much a material changes between points and points near them: mean over pixels of sum|b - a| / 3.

    `values`, `neighbours`: shape (N, C), at covered pixels. Where they are a random share of the covered pixels, give that
    share of `pixels`.
    """
    return (neighbours - values).abs().sum() / (3.0 * pixels)
