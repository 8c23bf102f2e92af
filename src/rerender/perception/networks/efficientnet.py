"""The trunk of EfficientNet-b0 (Tan and Le 2019): inverted bottlenecks with squeeze-and-excitation, without dropped paths."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM = 32
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
"""Expansion, channels, blocks, stride of the first block, and kernel (their Table 1)."""


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return convolution, normalisation and SiLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())


class Excitation(nn.Module):
    """Channels weighted by a small network of their means."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, C, H, W), weighted."""
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(nn.functional.silu(self.reduce(means))))


class InvertedBottleneck(nn.Module):
    """1x1 expand, depthwise, excite, 1x1 reduce, plus the input where shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.layers = nn.Sequential(
            *([_unit(inputs, wide, 1)] if expansion > 1 else []),
            _unit(wide, wide, kernel, stride, groups=wide),
            Excitation(wide, inputs // 4),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


def efficientnet_trunk(stages: int = len(STAGES)) -> nn.Sequential:
    """Return the first stages for images (N, 3, H, W), with fresh weights; five of them have stride 16 and 112 channels."""
    layers: list[nn.Module] = [_unit(3, STEM, 3, 2)]
    inputs = STEM
    for expansion, outputs, blocks, stride, kernel in STAGES[:stages]:
        for block in range(blocks):
            layers.append(InvertedBottleneck(inputs, outputs, expansion, stride if block == 0 else 1, kernel))
            inputs = outputs
    return nn.Sequential(*layers)
