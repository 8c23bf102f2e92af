"""Radiance to code values and back (Eq. 1 to 3).

    N(E) = (c(E) - m) / (M - m),  with c(E) = ln(E + eps) and m, M its extremes over the initial map

The extremes are measured once and then frozen: they are stored with the weights of a network, whose outputs mean
nothing without them. Stock SIREN's `linear` curve has c(E) = E.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rerender.core.errors import UserError
from rerender.core.files import Tree
from rerender.core.images import check_radiance
from rerender.papers.envmaps.specs import Curve, NormaliserSettings

# A map of one colour has M = m; any span does then, as all of its code values are 0.
_FLAT, _SPAN_OF_FLAT = 1e-9, 1.0


@dataclass(frozen=True)
class Normaliser:
    """The frozen range of a map: `low` and `high` are m and M, for all channels (one value) or for each (three)."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    eps: float = 1e-3
    curve: Curve = "log"

    def __post_init__(self) -> None:
        if len(self.low) not in (1, 3) or len(self.low) != len(self.high):
            raise ValueError(f"a normaliser has one range or one per channel, not {self.low} to {self.high}")
        if any(high <= low for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"empty range of a normaliser: {self.low} to {self.high}")

    @staticmethod
    def of(radiance: np.ndarray, settings: NormaliserSettings | None = None) -> Normaliser:
        """Measure the range of a map of linear radiance, shape (H, W, 3) (Eq. 1).

        Raises `UserError` for pixels that are negative or not finite, and for a map that is black throughout.
        """
        settings = settings or NormaliserSettings()
        check_radiance(radiance, "environment map")
        if not (radiance > 0).any():
            raise UserError("the environment map is black", "Choose one with light in it.")
        values = radiance.astype(np.float64).reshape(-1, 3)
        if not settings.per_channel:
            values = values.reshape(-1, 1)
        bottom = values.min(axis=0).tolist()
        top = (settings.headroom * values.max(axis=0)).tolist()
        if settings.curve == "log":
            bottom, top = ([math.log(x + settings.eps) for x in ends] for ends in (bottom, top))
        pairs = zip(bottom, top, strict=True)
        top = [high if high - low > _FLAT else low + _SPAN_OF_FLAT for low, high in pairs]
        return Normaliser(tuple(bottom), tuple(top), settings.eps, settings.curve)

    def normalise(self, radiance: Tensor) -> Tensor:
        """Return the code values of radiance >= 0, shape (..., 3): in [0, 1] for the map that was measured (Eq. 1)."""
        low, span = self._range(radiance)
        return ((radiance + self.eps).log() - low if self.curve == "log" else radiance - low) / span

    def radiance(self, codes: Tensor) -> Tensor:
        """Return the radiance of code values, shape (..., 3), clamped at 0 (Eq. 2 and 3); differentiable."""
        low, span = self._range(codes)
        value = codes * span + low
        return ((value.exp() - self.eps) if self.curve == "log" else value).clamp(min=0)

    def radiance_and_slope(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the radiance of code values, shape (..., 3), and its derivative by them, both without autograd."""
        low, span = self._range(codes)
        value = codes * span + low
        if self.curve == "log":
            value = value.exp_()
            slope, value = value * span, value.sub_(self.eps)
        else:
            slope = span.expand_as(value).clone()
        return value.clamp_(min=0), slope.mul_(value > 0)

    def state(self) -> Tree:
        """Return plain values for storing beside weights; exact."""
        return {"low": list(self.low), "high": list(self.high), "eps": self.eps, "curve": self.curve}

    @staticmethod
    def from_state(tree: Tree) -> Normaliser:
        """Take over `state()`."""
        return Normaliser(tuple(tree["low"]), tuple(tree["high"]), tree["eps"], tree["curve"])

    def _range(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return m and M - m in the type of a tensor, shape (1,) or (3,)."""
        kind: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
        span = [high - low for low, high in zip(self.low, self.high, strict=True)]
        return torch.tensor(self.low, **kind), torch.tensor(span, **kind)
