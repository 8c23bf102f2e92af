"""The one question that an inversion asks: what does the scene look like under this sky?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch


@runtime_checkable
class LightModel(Protocol):
    """A scene of fixed geometry, materials and camera under an environment map, differentiable in the map."""

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the upper half that lights the scene."""
        ...

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the rendering."""
        ...

    def render(self, map_upper: torch.Tensor, seed: int) -> torch.Tensor:
        """Return linear radiance (h, w, 3) under the upper half (H, W, 3); the lower half repeats its last row.

        Gradients flow back to the map. Exact models ignore the seed; the others need a new one each step.
        """
        ...


@dataclass(frozen=True)
class Exposed:
    """A light model whose camera has an exposure: its images are multiplied, the map keeps its own units."""

    model: LightModel
    exposure: float

    @property
    def map_shape(self) -> tuple[int, int]:
        """Height and width of the upper half that lights the scene."""
        return self.model.map_shape

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the rendering."""
        return self.model.image_shape

    def render(self, map_upper: torch.Tensor, seed: int) -> torch.Tensor:
        """Return exposed radiance (h, w, 3) under the upper half (H, W, 3)."""
        return self.exposure * self.model.render(map_upper, seed)


def check_map_shape(map_upper: torch.Tensor, expected: tuple[int, int]) -> None:
    """Raise `ValueError` when a map is not of the model's size."""
    if tuple(map_upper.shape) != (*expected, 3):
        raise ValueError(f"the model takes maps of shape {(*expected, 3)}, not {tuple(map_upper.shape)}")
