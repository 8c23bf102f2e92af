"""Structural similarity (Wang et al. 2004) as a differentiable loss, with cached target moments.

11 x 11 Gaussian window of deviation 1.5, constants 0.01 and 0.03 at data range 1, each colour
channel on its own, only windows inside the image. Images smaller than the window get the largest
odd window that fits. Agrees with `skimage.metrics.structural_similarity` with the same window.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rerender.core.errors import UserError
from rerender.perception.models import separable
from rerender.perception.models.base import Features
from rerender.perception.models.distances import image_mean
from rerender.perception.preprocessing import check_images

WINDOW = 11
DEVIATION = 1.5
C1 = 0.01**2
C2 = 0.03**2


def window_size(shape: tuple[int, int]) -> int:
    """Return the window width for an image: 11, or the largest odd number that fits."""
    width = min(WINDOW, *shape)
    width -= 1 - width % 2
    if width < 3:
        raise UserError(f"SSIM needs images of at least 3 x 3 pixels, got {shape[0]} x {shape[1]}")
    return width


def blur(images: Tensor) -> Tensor:
    """Average (..., H, W) images under the window, at all places where it fits."""
    height, width = images.shape[-2:]
    taps = window_size((height, width))
    rows, columns = separable.gaussian_pair(
        DEVIATION, taps, (height, width), "valid", images.dtype, images.device
    )
    return separable.apply(rows, images, columns)


@dataclass(frozen=True)
class StructuralSimilarity:
    """Loss: 1 - mean SSIM. Similarity: mean SSIM, in [-1, 1]."""

    name: str = "ssim"

    def features(self, images: Tensor) -> Features:
        """Return the images, their local means and their local variances."""
        check_images(images)
        mean = blur(images)
        return images, mean, blur(images.square()) - mean.square()

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return 1 - mean SSIM of each image."""
        return 1 - self.similarity(features, target)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return the mean SSIM of each image."""
        return image_mean(similarity_map(features, target))


def similarity_map(features: Features, target: Features) -> Tensor:
    """Return the (N, 3, h, w) SSIM map over the window positions."""
    (x, mean_x, var_x), (y, mean_y, var_y) = features, target
    covariance = blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x.square() + mean_y.square() + C1)
    structure = (2 * covariance + C2) / (var_x + var_y + C2)
    return luminance * structure
