"""The parts of DISTS (Ding, Ma, Wang & Simoncelli 2020) beside its VGG-16 trunk: pooling, weights, similarities.

Six stages of features: the image itself and the five ReLU taps of VGG-16, whose max pooling is replaced by L2
pooling. Each channel of each stage has two similarities over space: of the means (texture) and of the
covariance (structure). DISTS is one minus their weighted sum; `alpha` weighs the means, `beta` the structure.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rerender.perception.networks.vgg import TAP_CHANNELS, TAPS, Vgg16

STAGE_CHANNELS = (3, *TAP_CHANNELS)
STABILITY = 1e-6  # the constants c1 and c2 of the two similarities
HANNING = (0.25, 0.5, 0.25)  # the inner samples of a Hanning window of five, summing to one
ROOT_FLOOR = 1e-12  # keeps the slope of the root finite where the features vanish


def l2_pool(features: Tensor, border: Literal["zeros", "replicate"] = "zeros") -> Tensor:
    """Halve (N, C, H, W) features to the root of their locally averaged squares (3 x 3 Hanning, stride 2).

    `zeros` is the published border; `replicate` leaves constant features constant.
    """
    padded = F.pad(features.square(), (1, 1, 1, 1), mode="constant" if border == "zeros" else "replicate")
    taps = torch.tensor(HANNING, dtype=features.dtype, device=features.device)
    kernel = (taps[:, None] * taps).expand(features.shape[1], 1, 3, 3)
    return (F.conv2d(padded, kernel, stride=2, groups=features.shape[1]) + ROOT_FLOOR).sqrt()


def l2_pooled_taps(trunk: Vgg16, images: Tensor) -> tuple[Tensor, ...]:
    """Return the five taps of `trunk` for normalised images, with L2 pooling in the place of max pooling."""
    taps = []
    x = images
    for index, layer in enumerate(trunk.features):
        x = l2_pool(x) if isinstance(layer, nn.MaxPool2d) else layer(x)
        if index in TAPS:
            taps.append(x)
    return tuple(taps)


def dissimilarities(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1 - l and 1 - s for each channel of two (N, C, H, W) stages, both (N, C) and 0 at identity.

    l = (2 mx my + c) / (mx^2 + my^2 + c) and s = (2 cov + c) / (vx + vy + c) over space. Written as
    (mx - my)^2 / (...) and var(x - y) / (...), the same numbers lose no digits where the stages are alike.
    """
    x, y = first.flatten(2), second.flatten(2)
    mean_x, mean_y = x.mean(2), y.mean(2)
    centred_x, centred_y = x - mean_x[..., None], y - mean_y[..., None]
    variances = centred_x.square().mean(2) + centred_y.square().mean(2)
    texture = (mean_x - mean_y).square() / (mean_x.square() + mean_y.square() + STABILITY)
    structure = (centred_x - centred_y).square().mean(2) / (variances + STABILITY)
    return texture, structure


class DistsWeights(nn.Module):
    """`alpha` and `beta`, one a channel, with the names and shapes of the published file."""

    def __init__(self, channels: int = sum(STAGE_CHANNELS)) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        """Return the (N,) distances between two tuples of stages; all weights together count as one."""
        pairs = [dissimilarities(a, b) for a, b in zip(first, second, strict=True)]
        texture, structure = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
        alpha, beta = self.alpha.flatten(), self.beta.flatten()
        distance: Tensor = (texture @ alpha + structure @ beta) / (alpha.sum() + beta.sum())
        return distance
