"""On-off model of the retina and LGN (Berardino, Balle, Laparra & Simoncelli 2017).

Two channels, on-centre and off-centre: a difference of Gaussians, divided by local luminance, then
by local contrast, then softplus. Parameters: the fit to human distortion thresholds in Berardino's
thesis (2018, table 2). They were fitted to grey images; here each colour channel passes on its
own, because materials differ in colour. Matches `plenoptic.models.OnOff(31, pretrained=True)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rerender.perception.models import separable
from rerender.perception.models.base import Features
from rerender.perception.models.distances import agreement, relative_error
from rerender.perception.preprocessing import check_images

WIDTH = 31
AMPLITUDE = 1.25
REST = math.log(2.0)  # softplus of no signal: the response to a blank image

# A response of 0.01 is 1% of the resting rate; below that the front end sees a blank image.
FLOOR = 0.01


@dataclass(frozen=True)
class Channel:
    """One centre-surround channel; deviations in pixels. `sign` is +1 on-centre, -1 off-centre."""

    sign: float
    centre: float
    surround: float
    luminance: float
    contrast: float
    luminance_gain: float
    contrast_gain: float


ON = Channel(1.0, 1.237, 30.12, 76.4, 7.49, 3.2637, 7.3405)
OFF = Channel(-1.0, 0.3233, 2.184, 2.184, 2.43, 14.3961, 16.7423)


@dataclass(frozen=True)
class FrontEnd:
    """Loss: squared error of the responses relative to rest, as a share of the target's energy."""

    name: str = "frontend"

    def features(self, images: Tensor) -> Features:
        """Return the (N, 3, 2, H, W) on and off responses, minus the resting rate."""
        check_images(images)
        return (torch.stack([_respond(images, channel) for channel in (ON, OFF)], dim=2),)

    def loss(self, features: Features, target: Features) -> Tensor:
        """Return |f - t|^2 / |t|^2 of each image; about 1 for a blank image against a structured one."""
        return relative_error(features[0], target[0], FLOOR)

    def similarity(self, features: Features, target: Features) -> Tensor:
        """Return 1 - |f - t|^2 / (|f|^2 + |t|^2), in [-1, 1]."""
        return agreement(features[0], target[0], FLOOR)


def _respond(images: Tensor, channel: Channel) -> Tensor:
    centre_surround = _blur(images, channel.centre) - _blur(images, channel.surround)
    linear = (channel.sign * AMPLITUDE) * centre_surround
    adapted = linear / (1 + channel.luminance_gain * _blur(images, channel.luminance))
    # The small number keeps the root's slope finite where the image is blank.
    contrast = (_blur(adapted.square(), channel.contrast) + 1e-12).sqrt()
    return F.softplus(adapted / (1 + channel.contrast_gain * contrast)) - REST


def _blur(images: Tensor, deviation: float) -> Tensor:
    height, width = images.shape[-2:]
    rows, columns = separable.gaussian_pair(
        deviation, WIDTH, (height, width), "reflect", images.dtype, images.device
    )
    return separable.apply(rows, images, columns)
