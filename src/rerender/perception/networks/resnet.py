"""ResNet-50 (He et al. 2016) with the parameter names of torchvision's weight files.

Bottleneck blocks with the stride on the 3x3 convolution. 25,557,032 parameters with the classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1 reduce, 3x3, 1x1 expand, plus the shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(y + shortcut)


class ResNet50(nn.Module):
    """The network; `forward` returns the pooled 2048 features, `fc` classifies them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for index, (width, blocks, stride) in enumerate(STAGES, start=1):
            layers = [Bottleneck(inputs, width, stride)]
            inputs = width * EXPANSION
            layers += [Bottleneck(inputs, width, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{index}", nn.Sequential(*layers))
        self.fc = nn.Linear(inputs, 1000)

    def stages(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the stem and the four stages for normalised (N, 3, H, W) images."""
        x = F.relu(self.bn1(self.conv1(images)))
        outputs = [F.max_pool2d(x, 3, 2, 1)]
        for index in range(1, len(STAGES) + 1):
            outputs.append(self.get_submodule(f"layer{index}")(outputs[-1]))
        return tuple(outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Return the (N, 2048) global averages of the last stage."""
        return torch.flatten(F.adaptive_avg_pool2d(self.stages(images)[-1], 1), 1)
