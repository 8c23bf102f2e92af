"""Pictures of recovered and true materials from the held-out views: radiance, the maps, and the radiance under another light."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rerender.papers.materials.capture import Capture
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.fit import flat_normals, shade_maps
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer
from rerender.rendering.split_sum import world_normals

SHOWN = 2
"""Held-out views that are kept as pictures."""
KINDS = ("render", "relit", "albedo", "roughness", "metallic", "normal")


def pictures(
    found: Callable[[GBuffer], Maps], capture: Capture, light: LightLevels, *, flat: bool
) -> dict[str, np.ndarray]:
    """Return pictures (views, H, W, 3) float32 of materials `found` at surface points.

    `render` and `relit` are linear radiance, `albedo` linear, `roughness` and `metallic` grey, `normal` world-space as
    (n + 1) / 2. The background is NaN.
    """
    surface = capture.heldout.surface.select(shown(len(capture.heldout)))
    return pictures_of(found, surface, light, capture.relight, flat=flat)


@torch.no_grad()
def pictures_of(
    found: Callable[[GBuffer], Maps],
    surface: GBuffer,
    light: LightLevels,
    relight: LightLevels,
    *,
    flat: bool,
) -> dict[str, np.ndarray]:
    """Return the pictures of all views of a G-buffer under a light and another one."""
    maps = found(surface)
    normal = world_normals(surface, flat_normals(maps["normal"]) if flat else maps["normal"])
    values = {
        "render": shade_maps(surface, maps, light, flat=flat),
        "relit": shade_maps(surface, maps, relight, flat=flat),
        "albedo": maps["albedo"],
        "roughness": maps["roughness"].expand(-1, 3),
        "metallic": maps["metallic"].expand(-1, 3),
        "normal": 0.5 * (normal + 1.0),
    }
    return {name: surface.images(value, float("nan")).cpu().numpy() for name, value in values.items()}


def shown(views: int) -> list[int]:
    """Return which views of a turntable are shown: one from three quarters in front of the cow, and the opposite one."""
    return [(5 * views // 8 + number * views // SHOWN) % views for number in range(min(SHOWN, views))]


@torch.no_grad()
def target_pictures(capture: Capture) -> dict[str, np.ndarray]:
    """Return the same pictures of the true materials."""
    views = shown(len(capture.heldout))
    part = [capture.heldout.surface.of_view(view) for view in views]
    true: Maps = {
        name: torch.cat([value[one] for one in part]) for name, value in capture.truth_heldout.items()
    }
    return pictures(lambda surface: true, capture, capture.light, flat=True)
