"""Mitsuba in the loop, behind the same interface as light transport: every step renders afresh, with noise.

For images or maps whose transport matrix would not fit, and to check one model with the other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from rerender.core.latlong import full_map
from rerender.rendering.differentiable import Renderer
from rerender.rendering.light_model import check_map_shape
from rerender.rendering.scenes import EnvironmentMap, Scene

PARAMETER = "light0.data"


class MitsubaLight:
    """A scene with one camera and one environment map, rendered by Mitsuba: a `LightModel`.

    `spp` and `spp_grad` are samples per pixel of the image and of its adjoint. Take the gradients of a rendering
    before the next one, and give every step its own seed: a fixed one would be fitted, noise and all.
    """

    def __init__(
        self, scene: Scene, map_shape: tuple[int, int], *, spp: int, spp_grad: int | None = None
    ) -> None:
        if len(scene.lights) != 1 or not isinstance(scene.lights[0], EnvironmentMap):
            raise ValueError("the scene needs exactly one light, an environment map")
        if len(scene.cameras) != 1 or scene.batched:
            raise ValueError("the scene needs exactly one camera")
        self.map_shape = map_shape
        self.image_shape = (scene.film.height, scene.film.width)
        self.spp, self.spp_grad = spp, spp_grad
        # `prb` is `path` with an adjoint that needs no memory per sample
        integrator = {**scene.integrator, "type": "prb"}
        start = EnvironmentMap(full_map(np.ones((*map_shape, 3), dtype=np.float32)))
        self.renderer = Renderer(replace(scene, lights=[start], integrator=integrator), [PARAMETER])

    def render(self, map_upper: torch.Tensor, seed: int) -> torch.Tensor:
        """Return linear radiance (h, w, 3) under the upper half; differentiable in it."""
        check_map_shape(map_upper, self.map_shape)
        data = emitter_data(map_upper, self.renderer.shape(PARAMETER))
        images = self.renderer.render(
            {PARAMETER: data}, views=(0,), seeds=(seed,), spp=self.spp, spp_grad=self.spp_grad
        )
        return images[0]


def emitter_data(map_upper: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Lay out an upper half (H, W, 3) as Mitsuba's `envmap` stores it: full height, columns repeated over the seam.

    `shape` is that of the stored tensor: W + 2 columns (3.9: one on either side), W + 1 (3.7, 3.8: on the right) or W.
    """
    height, width = map_upper.shape[:2]
    if shape[0] != 2 * height or not 0 <= shape[1] - width <= 2:
        raise ValueError(
            f"Mitsuba stores a map of shape {shape}, which is not {2 * height} x {width} with a border"
        )
    full = torch.cat([map_upper, map_upper[-1:].expand(height, width, 3)])
    parts = {0: [full], 1: [full, full[:, :1]], 2: [full[:, -1:], full, full[:, :1]]}
    return torch.cat(parts[shape[1] - width], dim=1)
