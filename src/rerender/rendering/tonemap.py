"""Tone curves from scene-linear radiance to display values (metamers spec, section 1), in PyTorch."""

from __future__ import annotations

import torch


def srgb_encode(linear: torch.Tensor) -> torch.Tensor:
    """Encode linear values in [0, 1] with the piecewise sRGB transfer curve."""
    # the clamp keeps the gradient of the unused power branch finite at zero
    power = 1.055 * torch.clamp(linear, min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, power)


def reinhard_srgb(radiance: torch.Tensor) -> torch.Tensor:
    """Map radiance >= 0 of any shape to display values in [0, 1]: Reinhard x/(1+x), then sRGB.

    Negative radiance, which reconstruction filters can produce, counts as zero.
    """
    positive = torch.clamp(radiance, min=0.0)
    return srgb_encode(positive / (1.0 + positive))


def to_nchw(images: torch.Tensor) -> torch.Tensor:
    """Turn images (N, H, W, 3) into (N, 3, H, W) by a permutation of axes, never by a view."""
    return images.permute(0, 3, 1, 2)
