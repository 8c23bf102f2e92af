"""Pixel baselines: mean absolute error, mean squared error, and the dual-buffer squared error."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rerender.perception.models.base import Features
from rerender.perception.models.distances import image_mean
from rerender.perception.preprocessing import check_images


@dataclass(frozen=True)
class MeanAbsoluteError:
    """Loss: mean |R - T| over 3 x H x W. Similarity: 1 - loss."""

    name: str = "mae"

    def features(self, images: Tensor) -> Features:
        """Return the images themselves."""
        return (check_images(images),)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the mean absolute error of each image."""
        return image_mean((features[0] - target[0]).abs())

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - mean absolute error."""
        return 1 - self.loss(features, target)


@dataclass(frozen=True)
class MeanSquaredError:
    """Loss: mean (R - T)^2 over 3 x H x W. Similarity: 1 - root of the loss, on the scale of MAE's."""

    name: str = "mse"

    def features(self, images: Tensor) -> Features:
        """Return the images themselves."""
        return (check_images(images),)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the mean squared error of each image."""
        return image_mean((features[0] - target[0]).square())

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - root mean squared error. A measure, not an objective: its slope is infinite at 1."""
        return 1 - self.loss(features, target).sqrt()


@dataclass(frozen=True)
class DualBuffer(MeanSquaredError):
    """Squared error from two independent renders: mean (R1 - T)(R2 - T).

    One noisy render's squared error is biased by the noise variance, and so is its gradient, which
    then rewards parameters that make less noise. With independent noise the product's expectation
    is the squared error of the mean render (against a noise-free target), so that its gradient is
    unbiased. The value can be negative. `loss`, with one render, is the plain squared error.
    """

    name: str = "dual_buffer"

    def pair_loss(self, first: Features, second: Features, target: Features) -> Tensor:
        """Return the (N,) dual-buffer losses of two renders with different seeds."""
        return dual_buffer_loss(first[0], second[0], target[0])


def dual_buffer_loss(first: Tensor, second: Tensor, target: Tensor) -> Tensor:
    """Return mean (R1 - T)(R2 - T) of each image; all (N, 3, H, W). See `DualBuffer`."""
    return image_mean((first - target) * (second - target))
