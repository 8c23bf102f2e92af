"""DISTS as a vision model: deep image structure and texture similarity (Ding et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rerender.core.errors import UserError
from rerender.perception import preprocessing as pre
from rerender.perception.models.base import Features, VisionModel
from rerender.perception.models.deep import MIN_SIZE, frozen, load_vgg
from rerender.perception.networks.dists import DistsWeights, l2_pooled_taps
from rerender.perception.networks.vgg import Vgg16
from rerender.perception.weights import WEIGHTS, load_into


@dataclass(frozen=True)
class Dists:
    """Loss: DISTS, in [0, 1] for like-signed features. Similarity: 1 - DISTS.

    Images are judged at the size they have; the published tool shrinks photographs to 256 pixels first.
    """

    trunk: Vgg16
    weights: DistsWeights
    name: str = "dists"

    def features(self, images: Tensor) -> Features:
        """Return the image itself and the five L2-pooled taps."""
        pre.check_images(images)
        if min(images.shape[-2:]) < MIN_SIZE:
            raise UserError(f"'{self.name}' needs images of at least {MIN_SIZE} x {MIN_SIZE} pixels")
        normalised = pre.normalise(images, pre.IMAGENET_MEAN, pre.IMAGENET_STD)
        return (images, *l2_pooled_taps(self.trunk, normalised))

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return the distance of each image."""
        distance: Tensor = self.weights(features, target)
        return distance

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - distance."""
        return 1 - self.loss(features, target)


def build_dists(paths: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> VisionModel:
    """Build `dists` from torchvision's VGG-16 and the published alpha and beta."""
    with torch.device("meta"):
        weights = DistsWeights()
    load_into(weights, paths["dists_alpha_beta"], WEIGHTS["dists_alpha_beta"])
    return Dists(load_vgg(paths, device, dtype), frozen(weights, device, dtype))
