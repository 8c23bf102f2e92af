"""A tiny sky and a light model that is a random non-negative matrix: an inversion in microseconds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rerender.papers.envmaps.specs import RepresentationSpec, representation_spec

HEIGHT, WIDTH = 8, 32
IMAGE = (12, 12)


def sky(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return an upper half (H, W, 3): a gradient with waves, and a sun of 200."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    waves = 1 + 0.3 * np.sin(2 * np.pi * (2 * x + y + rng.random()))
    image = (0.2 + 0.6 * y * waves)[..., None] * np.array([0.8, 0.9, 1.1])
    image[height // 3, width // 4] = [200.0, 190.0, 150.0]
    return image.astype(np.float32)


class MatrixLight:
    """`LightModel` of a fixed matrix (pixels, texels); every pixel sees a few texels well and all of them a little."""

    def __init__(self, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        rng = np.random.default_rng(seed)
        matrix = rng.random((IMAGE[0] * IMAGE[1], HEIGHT * WIDTH)) ** 8
        self.matrix = torch.from_numpy(0.4 * matrix / matrix.sum(axis=1, keepdims=True)).to(dtype)
        self.map_shape, self.image_shape = (HEIGHT, WIDTH), IMAGE

    def render(self, map_upper: Tensor, seed: int = 0) -> Tensor:
        """Return the image (12, 12, 3); exact, so the seed does not matter."""
        return (self.matrix @ map_upper.reshape(-1, 3)).reshape(*IMAGE, 3)


def small(name: str, **fit: float) -> RepresentationSpec:
    """Return a representation with a small network and a short fit."""
    changes = {"iterations": 60, "lr": 3e-3} | fit
    return representation_spec(name).changed(network={"width": 24, "hidden_layers": 2}, fit=changes)
