"""Soft masks of a mesh that is being found, differentiable in its vertices: the alpha of the soft rasteriser.

Pixels agree with those of `gbuffers.trace`, square pictures; the soft rasteriser itself shows its camera's left on the right.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rerender.core.cameras import Camera
from rerender.rendering.soft_rasteriser import SoftSettings, rasterise

NEAR = 0.1


def soft_masks(
    vertices: torch.Tensor, faces: torch.Tensor, cameras: Sequence[Camera], size: int, *, sigma: float = 3e-6
) -> torch.Tensor:
    """Return how much of each pixel is covered, (len(cameras), size, size) in [0, 1].

    `vertices` (V, 3) in the world, `faces` (F, 3). `sigma` is the squared blur (`SoftSettings`): faces before and behind each other
    add up along an outline, so that masks swell by a part of the blur, about half a pixel at 1e-5.
    """
    settings = SoftSettings(size, sigma=sigma, near=NEAR)
    white = torch.ones(3, dtype=vertices.dtype, device=vertices.device)
    frames = [rasterise(vertices[None], faces, white, camera, settings)[0, :, :, 3] for camera in cameras]
    return torch.stack(frames).flip(-1)
