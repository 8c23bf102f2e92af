"""The linear heads of LPIPS v0.1 (Zhang et al. 2018), with the names of its published `vgg.pth`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """One non-negative weight a channel. Index 1 of `model` keeps the published name; 0 was dropout."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, differences: Tensor) -> Tensor:
        """Return the (N, 1, h, w) weighted sums over channels."""
        out: Tensor = self.model(differences)
        return out


class LpipsHeads(nn.Module):
    """`lin0` ... `lin4`, one for each tap of the trunk."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.count = len(channels)
        for index, count in enumerate(channels):
            setattr(self, f"lin{index}", Head(count))

    def forward(self, first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        """Return the (N,) distances between two tuples of unit-normalised taps."""
        total = torch.zeros(first[0].shape[0], dtype=first[0].dtype, device=first[0].device)
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            head = self.get_submodule(f"lin{index}")
            total = total + head((a - b).square()).flatten(1).mean(1)
        return total


def unit_channels(taps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Normalise each pixel's channel vector to length one; zero vectors stay zero.

    `vector_norm` has a zero slope at zero, where the root of a sum of squares has none.
    """
    return tuple(tap / (torch.linalg.vector_norm(tap, dim=1, keepdim=True) + 1e-10) for tap in taps)
