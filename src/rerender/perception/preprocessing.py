"""From renders to network inputs: layout, channel normalisation and resizing.

Renders are (N, H, W, 3); networks take (N, 3, H, W). The released MRD code reinterpreted the buffer
without a permute, which scrambles channels and rows; `layout="upstream_view"` reproduces that for
the ablation only.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from rerender.core.errors import UserError, unknown_name

Layout = Literal["nchw", "upstream_view"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.4815, 0.4578, 0.4082)
CLIP_STD = (0.2686, 0.2613, 0.2758)
# The scaling layer of LPIPS v0.1 acts on images in [-1, 1].
LPIPS_SHIFT = (-0.030, -0.088, -0.188)
LPIPS_SCALE = (0.458, 0.448, 0.450)


def to_nchw(renders: Tensor, layout: Layout = "nchw") -> Tensor:
    """Turn (N, H, W, 3) display renders into (N, 3, H, W); differentiable."""
    if renders.ndim != 4 or renders.shape[-1] != 3:
        raise UserError(f"renders must be (N, H, W, 3), got {tuple(renders.shape)}")
    n, height, width, channels = renders.shape
    if layout == "nchw":
        return renders.permute(0, 3, 1, 2).contiguous()
    if layout == "upstream_view":
        return renders.contiguous().view(n, channels, height, width)
    raise unknown_name("layout", layout, ("nchw", "upstream_view"))


def check_images(images: Tensor) -> Tensor:
    """Return `images` if they are (N, 3, H, W) floats, else raise `UserError`."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise UserError(
            f"a vision model takes (N, 3, H, W) float images, got {tuple(images.shape)} {images.dtype}",
            "Convert renders with `preprocessing.to_nchw`.",
        )
    return images


def normalise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Subtract the channel means and divide by the channel deviations."""
    shift = torch.tensor(mean, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    scale = torch.tensor(std, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    return (images - shift) / scale


def resize(images: Tensor, size: int) -> Tensor:
    """Resize to `size` x `size` bilinearly (antialiased when shrinking); the identity at that size."""
    if images.shape[-2:] == (size, size):
        return images
    shrinking = max(images.shape[-2:]) > size
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=shrinking)
