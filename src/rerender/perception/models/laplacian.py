"""Normalised Laplacian pyramid and its distance, NLPD (Laparra, Balle, Berardino & Simoncelli 2016).

Six scales of a Laplacian pyramid, each divided by a weighted sum of its neighbours' magnitudes; the
distance is the root mean squared error of each scale, averaged over scales. The weights are the
published ones, fitted to natural images. Images under 64 pixels get fewer scales, down to 2-pixel
bands. Matches `plenoptic.metric.nlpd` at 64 pixels and above.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rerender.perception.models import separable
from rerender.perception.models.base import Features
from rerender.perception.preprocessing import check_images

BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16

# Per scale: constant, then the weights of the pixels above, below, left, right and two to the right.
NORMALISERS = (
    (0.0248, 0.1011, 0.1015, 0.1493, 0.1460, 0.0072),
    (0.0185, 0.0757, 0.0837, 0.1986, 0.1846, 0.0),
    (0.0179, 0.0477, 0.0467, 0.2138, 0.2243, 0.0),
    (0.0191, 0.0, 0.0, 0.2503, 0.2616, 0.0),
    (0.0220, 0.0, 0.0, 0.2598, 0.2552, 0.0),
    (0.2782, 0.0, 0.0, 0.2215, 0.0717, 0.0),
)

# Keeps the slope of the root finite at identity; a distance of 1e-5 is not visible.
EPSILON = 1e-10


def scale_count(shape: tuple[int, int]) -> int:
    """Return the number of scales: 6, or as many as keep the coarsest band at 2 pixels or more."""
    size, count = min(shape), 1
    while count < len(NORMALISERS) and (size + 1) // 2 >= 2:
        size, count = (size + 1) // 2, count + 1
    return count


def normalised_pyramid(images: Tensor) -> tuple[Tensor, ...]:
    """Return the normalised bands of (N, C, H, W) images, fine to coarse."""
    bands = []
    low = images
    scales = scale_count((images.shape[-2], images.shape[-1]))
    for scale in range(scales):
        if scale == scales - 1:
            band = low
        else:
            band, low = _split(low)
        bands.append(_normalise(band, scale))
    return tuple(bands)


def nlpd(features: Features, target: Features) -> Tensor:
    """Return the (N,) distances between two normalised pyramids, averaged over channels.

    sqrt(mse + 1e-10) - 1e-5 replaces the bare root, so that the distance is exactly 0 at identity.
    """
    errors = [(f - t).square().flatten(2).mean(2) for f, t in zip(features, target, strict=True)]
    roots = torch.stack([(error + EPSILON).sqrt() for error in errors])
    distances: Tensor = (roots - EPSILON**0.5).mean(0).mean(1)
    return distances


@dataclass(frozen=True)
class LaplacianPyramid:
    """Loss: NLPD, the mean over colour channels. Similarity: 1 - NLPD."""

    name: str = "nlpd"

    def features(self, images: Tensor) -> Features:
        """Return the normalised bands, each channel on its own."""
        return normalised_pyramid(check_images(images))

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the NLPD of each image."""
        return nlpd(features, target)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - NLPD; negative for very different images."""
        return 1 - nlpd(features, target)


def _split(images: Tensor) -> tuple[Tensor, Tensor]:
    """Split an image into its band and the blurred image at half size."""
    down_rows, up_rows = _half(images.shape[-2], images.dtype, images.device)
    down_columns, up_columns = _half(images.shape[-1], images.dtype, images.device)
    low = separable.apply(down_rows, images, down_columns)
    return images - separable.apply(up_rows, low, up_columns), low


@lru_cache(maxsize=64)
def _half(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the matrices that halve and double one axis of length `size`."""
    down = separable.reflect_matrix(BINOMIAL, size, stride=2)
    half = down.shape[0]
    # Doubling: mirror the half-size axis by one, put zeros between samples, blur, keep `size`.
    mirror = np.pad(np.arange(half), 1, mode="reflect") if half > 1 else np.zeros(3, dtype=int)
    stuffed = np.zeros((2 * len(mirror) + 1, half))
    stuffed[2 * np.arange(len(mirror)), mirror] = 1
    up = np.stack([2 * BINOMIAL @ stuffed[row : row + 5] for row in range(size)])
    return separable.constant(down, dtype, device), separable.constant(up, dtype, device)


def _normalise(band: Tensor, scale: int) -> Tensor:
    constant, above, below, left, right, far = NORMALISERS[scale]
    magnitude = F.pad(band.abs(), (1, 2, 1, 1))
    height, width = band.shape[-2:]

    def shifted(row: int, column: int) -> Tensor:
        return magnitude[..., row : row + height, column : column + width]

    pool = left * shifted(1, 0) + right * shifted(1, 2)
    if above or below:
        pool = pool + above * shifted(0, 1) + below * shifted(2, 1)
    if far:
        pool = pool + far * shifted(1, 3)
    return band / (constant + pool)
