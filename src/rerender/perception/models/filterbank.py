"""Weight-free stand-ins for DISTS and LPIPS: `dists_proxy` and `lpips_proxy`, on a fixed bank of Gabor filters.

Each colour channel passes 4 orientations x {even, odd} zero-mean 7 x 7 kernels on three octaves (L2 pooling halves
the image), half-wave rectified both ways: 48 channels an octave, and the image itself as another stage. On these
features `dists_proxy` is the formula of DISTS with equal weights, and `lpips_proxy` the mean squared distance of
channel-normalised responses, as in LPIPS. They rank distortions; their numbers are neither DISTS nor LPIPS, and
nothing may print them under those names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rerender.core.errors import UserError
from rerender.perception.models import separable
from rerender.perception.models.base import Features
from rerender.perception.networks.dists import dissimilarities, l2_pool
from rerender.perception.preprocessing import check_images

OCTAVES = 3
ORIENTATIONS = 4
WIDTH = 7
WAVELENGTH = 4.0  # pixels of the octave
ENVELOPE = 1.5  # deviation of the Gaussian, pixels of the octave
MIN_SIZE = 16  # the coarsest octave then has 4 pixels

# Responses are differences of local means in [-1, 1]. The total response at which normalisation reaches
# 1 / sqrt(2): without it, faint noise on a blank wall would count like a strong edge.
VISIBLE = 0.1


def gabor_kernels() -> NDArray[np.float64]:
    """Return the (8, 7, 7) kernels: even, then odd, for 0, 45, 90 and 135 degrees; each sums to zero.

    Positive weights add up to 1, so a response is a bright mean minus a dark mean.
    """
    offset = np.arange(WIDTH) - WIDTH // 2
    y, x = np.meshgrid(offset, offset, indexing="ij")
    envelope = np.exp(-(x**2 + y**2) / (2 * ENVELOPE**2))
    kernels = []
    for angle in np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS:
        phase = 2 * np.pi / WAVELENGTH * (x * np.cos(angle) + y * np.sin(angle))
        for wave in (np.cos(phase), np.sin(phase)):
            kernel = envelope * (wave - (envelope * wave).sum() / envelope.sum())
            kernels.append(2 * kernel / np.abs(kernel).sum())
    return np.stack(kernels)


def responses(images: Tensor) -> Tensor:
    """Return the (N, 48, H, W) rectified responses of one octave of (N, 3, H, W) images."""
    padded = F.pad(images, (WIDTH // 2,) * 4, mode="replicate")
    linear = F.conv2d(padded, _bank(images.dtype, images.device), groups=3)
    return torch.cat([linear.relu(), (-linear).relu()], dim=1)


def stages(images: Tensor, name: str) -> tuple[Tensor, ...]:
    """Return the image and the responses of its octaves, fine to coarse."""
    check_images(images)
    if min(images.shape[-2:]) < MIN_SIZE:
        raise UserError(f"'{name}' needs images of at least {MIN_SIZE} x {MIN_SIZE} pixels")
    found, octave = [images], images
    for number in range(OCTAVES):
        octave = l2_pool(octave, border="replicate") if number else octave
        found.append(responses(octave))
    return tuple(found)


@dataclass(frozen=True)
class TextureProxy:
    """`dists_proxy`. Loss: mean over 147 channels of half of (1 - l) + (1 - s). Similarity: 1 - loss.

    Exchanging the two images, or transposing or recolouring (RGB to BRG) both, leaves it as it is; so does flipping
    both where the sides are odd. Even sides move the pooled grid by a pixel, which changes it by about 1%.
    """

    name: str = "dists_proxy"

    def features(self, images: Tensor) -> Features:
        """Return the image and its rectified responses."""
        return stages(images, self.name)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the distance of each image, in [0, 1]."""
        parts = [torch.cat(dissimilarities(f, t), dim=1) for f, t in zip(features, target, strict=True)]
        return torch.cat(parts, dim=1).mean(1)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - loss."""
        return 1 - self.loss(features, target)


@dataclass(frozen=True)
class ResponseProxy:
    """`lpips_proxy`. Loss: squared distance of each pixel's normalised channels, averaged over space and stages.

    Similarity: 1 - loss. A stage contributes at most 2. As normalised channels forget their length, changes
    of exposure count little.
    """

    name: str = "lpips_proxy"

    def features(self, images: Tensor) -> Features:
        """Return the stages, each pixel's channels divided by (their squared length + 0.1^2)^(1/2)."""
        return tuple(
            stage / (stage.square().sum(1, keepdim=True) + VISIBLE**2).sqrt()
            for stage in stages(images, self.name)
        )

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the distance of each image."""
        parts = [(f - t).square().sum(1).flatten(1).mean(1) for f, t in zip(features, target, strict=True)]
        return torch.stack(parts).mean(0)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - loss."""
        return 1 - self.loss(features, target)


@lru_cache(maxsize=16)
def _bank(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the kernels as the (24, 1, 7, 7) weights of a convolution with one group a colour."""
    return separable.constant(np.tile(gabor_kernels()[:, None], (3, 1, 1, 1)), dtype, device)
