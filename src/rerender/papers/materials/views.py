"""The pictures that materials are fitted to: surface points behind the covered pixels of every view, and their target radiance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from rerender.core.files import Tree
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer


@dataclass(frozen=True, eq=False)
class Batch:
    """Some views: their surface points and target radiance (N, 3), and the number of pixels, background included."""

    surface: GBuffer
    target: Tensor
    pixels: int


@dataclass(frozen=True, eq=False)
class Near:
    """Some points of a batch, by index, and a place near each: in space (K, 3), or on a texture (K, 2)."""

    chosen: Tensor
    places: Tensor


Pair = tuple[Tensor, Tensor]
"""A material at some points and at places near them, each (K, channels)."""


@dataclass(frozen=True, eq=False)
class Views:
    """Surface points of all views, and target radiance (N, 3)."""

    surface: GBuffer
    target: Tensor

    def __len__(self) -> int:
        """Return the number of views."""
        return self.surface.shape[0]

    def part(self, number: int, parts: int) -> Views:
        """Return one of the `parts` equal sets of views, which lie one after the other; `number` counts from 0."""
        each = len(self) // parts
        own = self.batch(range(each * number, each * (number + 1)))
        return Views(own.surface, own.target)

    def batch(self, chosen: Sequence[int]) -> Batch:
        """Return the chosen views together."""
        target = torch.cat([self.target[self.surface.of_view(view)] for view in chosen])
        _, height, width = self.surface.shape
        return Batch(self.surface.select(chosen), target, len(chosen) * height * width)

    def thinned(self, stride: int) -> Views:
        """Return the views with every `stride`-th pixel in either direction."""
        flat = self.surface.images(self.target)[:, ::stride, ::stride]
        surface = self.surface.thinned(stride)
        return Views(surface, surface.gather(flat))

    def to(self, device: torch.device | str) -> Views:
        """Return the views on another device."""
        return Views(self.surface.to(device), self.target.to(device))

    def tree(self) -> Tree:
        """Return all views as arrays."""
        return {"surface": surface_tree(self.surface), "target": self.target.numpy()}

    @classmethod
    def from_tree(cls, tree: Tree) -> Views:
        """Take over `tree()`."""
        return cls(surface_from(tree["surface"]), torch.from_numpy(tree["target"]))


@dataclass(frozen=True, eq=False)
class Given:
    """All that a fit reads: training views, the light where it is known, and the box of the hash grids, two corners (2, 3).

    `radiance` (H, 2 H, 3) is the light itself; of a learned one only its size counts.
    """

    train: Views
    light: LightLevels
    radiance: np.ndarray
    box: np.ndarray


def surface_tree(surface: GBuffer) -> Tree:
    """Return a G-buffer as arrays and plain values."""
    values = {one.name: getattr(surface, one.name) for one in fields(surface)}
    return {
        name: value.numpy() if isinstance(value, Tensor) else list(value) for name, value in values.items()
    }


def surface_from(tree: Tree) -> GBuffer:
    """Undo `surface_tree`."""
    values = {
        name: torch.from_numpy(np.asarray(value)) if isinstance(value, np.ndarray) else tuple(value)
        for name, value in tree.items()
    }
    return GBuffer(**values)  # type: ignore[arg-type]
