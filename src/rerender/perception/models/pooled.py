"""Summary statistics within windows: the ventral-stream model of Freeman & Simoncelli (2011), its first two orders.

Each colour channel passes a complex steerable pyramid of 4 orientations. Within overlapping raised-cosine windows that add
up to one, the model keeps the mean of the channel, its deviation, and the root-mean-square magnitude of every band (a
pooled complex cell): what is in a window, and not where in it. The windows of the paper grow with eccentricity; a render
has no point of fixation, so here they are a grid with the same size everywhere. The correlations between magnitudes that
the paper also matches are left out.

Two windows a side were chosen by what they leave open (docs/known-differences.md, "Texture statistics of a shape"): with one a sphere
stays far from every target, with four or more the fit nearly is that of pixels.

Loss: per group |f - t|^2 / (|t|^2 + n floor^2), averaged over groups, as for the statistics of the whole image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rerender.perception.models import separable
from rerender.perception.models.base import Features
from rerender.perception.models.distances import agreement, relative_error
from rerender.perception.models.portilla_simoncelli import VARIANCE_FLOOR, scale_count
from rerender.perception.models.separable import constant
from rerender.perception.models.steerable import build_filters
from rerender.perception.preprocessing import check_images

ORIENTATIONS = 4
WINDOWS = 2

# The root-mean-square below which a group counts as absent [grey levels].
FLOORS: Mapping[str, float] = {"mean": 0.01, "deviation": 0.01, "magnitude": 0.01}


@dataclass(frozen=True)
class PooledStatistics:
    """`windows` a side. With two, what is left of a place is on which side of the middle it is, and how far from it, roughly."""

    name: str = "pooled"
    windows: int = WINDOWS

    def features(self, images: Tensor) -> Features:
        """Return mean, deviation (N, 3, w, w) and magnitudes (N, 3, K scales, w, w)."""
        check_images(images)
        return _pooled(images, self.windows)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the mean over groups of the relative squared error."""
        parts = [relative_error(f, t, c) for f, t, c in zip(features, target, FLOORS.values(), strict=True)]
        return torch.stack(parts).mean(0)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the mean over groups of the agreement, in [-1, 1]."""
        parts = [agreement(f, t, c) for f, t, c in zip(features, target, FLOORS.values(), strict=True)]
        return torch.stack(parts).mean(0)


def window_matrix(size: int, count: int) -> NDArray[np.float64]:
    """Return (count, size): windows cos^2 about evenly spaced centres, which add up to one; each row sums to one."""
    place = (np.arange(size) + 0.5) * count / size - 0.5  # centres at 0 .. count - 1
    distance = np.abs(np.clip(place, 0, count - 1)[None, :] - np.arange(count)[:, None])
    weight: NDArray[np.float64] = np.cos(np.pi / 2 * np.minimum(distance, 1.0)) ** 2
    weight /= weight.sum(1, keepdims=True)
    return weight


@dataclass(frozen=True)
class _Bank:
    rows: Tensor
    columns: Tensor
    bands: Tensor
    down: Tensor
    across: Tensor
    gain: float


@lru_cache(maxsize=8)
def _banks(
    shape: tuple[int, int], windows: int, dtype: torch.dtype, device: torch.device
) -> tuple[tuple[_Bank, ...], tuple[Tensor, Tensor]]:
    def tensor(array: np.ndarray, kind: torch.dtype = dtype) -> Tensor:
        return constant(array, kind, device)

    def pools(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        return tensor(window_matrix(size[0], windows)), tensor(window_matrix(size[1], windows))

    banks = [
        _Bank(
            tensor(scale.rows, torch.int64),
            tensor(scale.columns, torch.int64),
            tensor(scale.bands),
            *pools((len(scale.rows), len(scale.columns))),
            4.0**index,
        )
        for index, scale in enumerate(build_filters(shape, scale_count(shape), ORIENTATIONS).scales)
    ]
    return tuple(banks), pools(shape)


def _pooled(images: Tensor, windows: int) -> Features:
    height, width = images.shape[-2:]
    banks, (down, across) = _banks((height, width), windows, images.dtype, images.device)
    mean = separable.apply(down, images, across)
    square = separable.apply(down, images.square(), across)
    deviation = ((square - mean.square()).clamp_min(0) + VARIANCE_FLOOR).sqrt()
    spectrum = torch.fft.fft2(images)
    magnitudes = []
    for bank in banks:
        part = spectrum[..., bank.rows[:, None], bank.columns[None, :]]
        band = torch.fft.ifft2(part.unsqueeze(-3) * bank.bands)
        power = torch.view_as_real(band).square().sum(-1) / bank.gain**2
        magnitudes.append((separable.apply(bank.down, power, bank.across) + VARIANCE_FLOOR).sqrt())
    return mean, deviation, torch.cat(magnitudes, dim=2)
