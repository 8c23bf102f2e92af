"""Distances between features that several models share. All return one value an image, (N,)."""

from __future__ import annotations

import torch
from torch import Tensor


def image_mean(values: Tensor) -> Tensor:
    """Average all axes but the first."""
    return values.flatten(1).mean(1)


def relative_error(features: Tensor, target: Tensor, floor: float) -> Tensor:
    """Return |f - t|^2 / (|t|^2 + n floor^2): the squared error as a share of the target's energy.

    `floor` is the root-mean-square below which a feature counts as absent; it keeps blank targets
    finite. An image whose features are all zero scores just under 1.
    """
    energy = target.flatten(1).square().mean(1) + floor * floor
    return image_mean((features - target).square()) / energy


def agreement(features: Tensor, target: Tensor, floor: float) -> Tensor:
    """Return 1 - |f - t|^2 / (|f|^2 + |t|^2 + n floor^2), in [-1, 1] and 1 at identity.

    For features of equal norm this is their cosine; unlike the cosine it also falls when only the
    norm differs, and it is defined for blank images.
    """
    energy = image_mean(features.square()) + image_mean(target.square()) + floor * floor
    return 1 - image_mean((features - target).square()) / energy


def cosine(features: Tensor, target: Tensor) -> Tensor:
    """Return the cosine over the last axis, averaged over the others; 1 at identity."""
    return image_mean(torch.nn.functional.cosine_similarity(features, target, dim=-1, eps=1e-8).unsqueeze(-1))
