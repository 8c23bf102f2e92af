"""Material fields: one network for all channels, or one a branch, over hash grids (fact sheet, sections 2.3 and 3.1).

A field maps a place in the geometry's box to channels in their ranges: albedo (3) and normal (3), roughness (1) and metallic (1),
and occlusion (1) where it is learned. Albedo is linear, roughness perceptual (alpha = r^2), the normal a vector in the tangent
frame with (0, 0, 1) the surface's own; it need not have unit length.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rerender.core.files import Tree
from rerender.papers.materials.methods import Branch, Channel
from rerender.rendering.hash_grid import encoding

RANGES: Mapping[Channel, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "albedo": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "normal": ((-1.0, -1.0, 0.0), (1.0, 1.0, 1.0)),
    "roughness": ((0.001,), (1.0,)),
    "metallic": ((0.0,), (1.0,)),
    "occlusion": ((0.0,), (1.0,)),
}
"""Lowest and highest value of each channel; the least roughness is the paper's configuration, not upstream's default."""

FEATURES = 2
"""Features a level."""

Maps = dict[Channel, Tensor]
"""Values of channels at N points, each of shape (N, width of the channel)."""


@dataclass(frozen=True)
class GridSettings:
    """The hash grid of a branch."""

    levels: int
    log2_table: int
    finest: int
    base_resolution: int = 16


class BranchField(nn.Module):
    """A hash grid and a network of two hidden layers without biases; a sigmoid brings its outputs into their ranges."""

    low: Tensor
    span: Tensor

    def __init__(
        self, branch: Branch, grid: GridSettings, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.channels = branch.channels
        self.grid = encoding(
            "auto",
            levels=grid.levels,
            log2_table=grid.log2_table,
            finest=grid.finest,
            base_resolution=grid.base_resolution,
            features=FEATURES,
            generator=generator,
            device=device,
        )
        low = [value for name in branch.channels for value in RANGES[name][0]]
        high = [value for name in branch.channels for value in RANGES[name][1]]
        sizes = (grid.levels * FEATURES, branch.hidden, branch.hidden, len(low))
        self.layers = nn.ParameterList(
            kaiming(rows, columns, generator).to(device) for columns, rows in itertools.pairwise(sizes)
        )
        self.register_buffer("low", torch.tensor(low, device=device), persistent=False)
        self.register_buffer("span", torch.tensor(high, device=device) - self.low, persistent=False)

    def forward(self, points: Tensor) -> Maps:
        """Return the channels at points (N, 3) of the unit cube."""
        values: Tensor = self.grid(points)
        *hidden, last = self.layers
        for weight in hidden:
            values = torch.relu(values @ weight.T)
        values = torch.sigmoid(values @ last.T) * self.span + self.low
        widths = [len(RANGES[name][0]) for name in self.channels]
        return dict(zip(self.channels, torch.split(values, widths, dim=1), strict=True))


def kaiming(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Return weights (rows, columns), uniform in +-sqrt(6 / columns): He et al. 2015 for ReLU, by fan-in."""
    bound = math.sqrt(6.0 / columns)
    return (2.0 * torch.rand(rows, columns, generator=generator) - 1.0) * bound


class MaterialField(nn.Module):
    """The branches of a method over one box, `low` and `high` (3,), which is mapped to the unit cube."""

    corner: Tensor
    extent: Tensor

    def __init__(
        self,
        branches: Sequence[Branch],
        grid: GridSettings,
        box: tuple[np.ndarray, np.ndarray],
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            BranchField(one, grid, seed + number, device) for number, one in enumerate(branches)
        )
        low, high = (torch.as_tensor(corner, dtype=torch.float32, device=device) for corner in box)
        self.register_buffer("corner", low, persistent=False)
        self.register_buffer("extent", high - low, persistent=False)

    def forward(self, places: Tensor) -> Maps:
        """Return all channels at places (N, 3) in world space; what lies outside the box takes its border's values."""
        found: Maps = {}
        for number in range(len(self.branches)):
            found |= self.branch(number, places)
        return found

    def branch(self, number: int, places: Tensor) -> Maps:
        """Return the channels of one branch."""
        unit = ((places - self.corner) / self.extent).clamp(0.0, 1.0)
        found: Maps = self.branches[number](unit)
        return found

    def arrays(self) -> Tree:
        """Return all weights by name, as arrays."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.named_parameters()}

    @torch.no_grad()
    def load(self, tree: Tree) -> None:
        """Take over weights from `arrays`, in place."""
        for name, value in self.named_parameters():
            value.copy_(torch.from_numpy(np.asarray(tree[name])))

    def count(self) -> int:
        """Return the number of weights."""
        return sum(value.numel() for value in self.parameters())
