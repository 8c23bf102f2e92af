"""Materials compared at points of the surface, whatever the texture layouts are (fact sheet, section 5.1).

The same points serve every method, seed and level. Errors are mean absolute ones of linear albedo, perceptual roughness and
metallic; normals are world-space shading normals, in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

DARK = 0.12  # linear albedo, of the brightest channel
SHINY = 0.3  # roughness at most
SEEN_VIEWS = 3
REGIONS = ("all", "dark_shiny", "glossy", "bright", "metal", "matt", "seen")
REGION_TITLES: Mapping[str, str] = {
    "all": "everywhere",
    "dark_shiny": "dark and shiny",
    "glossy": "shiny, not metal",
    "bright": "bright",
    "metal": "metal",
    "matt": "matt",
    "seen": f"seen in {SEEN_VIEWS} views or more",
}


@dataclass(frozen=True)
class SurfaceMaps:
    """Materials at M points: albedo (M, 3), roughness and metallic (M,), unit world-space shading normals (M, 3)."""

    albedo: Array
    roughness: Array
    metallic: Array
    normal: Array

    def tree(self) -> dict[str, Array]:
        """Return the arrays by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def regions(truth: SurfaceMaps, views_seen: NDArray[np.integer]) -> dict[str, Mask]:
    """Return which points belong to each region, by the true materials and by the number of views that see a point."""
    brightest = truth.albedo.max(axis=1)
    shiny, metal = truth.roughness <= SHINY, truth.metallic >= 0.5
    return {
        "all": np.ones(len(shiny), dtype=bool),
        "dark_shiny": (brightest < DARK) & shiny & ~metal,
        "glossy": shiny & ~metal,
        "bright": brightest >= DARK,
        "metal": metal,
        "matt": (truth.roughness > 0.5) & ~metal,
        "seen": views_seen >= SEEN_VIEWS,
    }


def albedo_scale(found: SurfaceMaps, truth: SurfaceMaps) -> Array:
    """Return the factor on each colour channel that brings the albedo nearest to the true one, least squares, shape (3,)."""
    power = (found.albedo.astype(np.float64) ** 2).sum(axis=0)
    shared = (found.albedo.astype(np.float64) * truth.albedo).sum(axis=0)
    return np.asarray(shared / np.maximum(power, 1e-12))


def texture_errors(found: SurfaceMaps, truth: SurfaceMaps, inside: Mask) -> dict[str, float]:
    """Return the errors over the points `inside`, which must be at least one.

    `roughness_bias` and `metallic_bias` are signed. `false_metal`: share of points found metallic (> 0.5) that are not.
    `false_rough`: share of points found rough (> 0.5) of those that are shiny; absent where none is. `albedo_scaled`:
    after one factor a colour channel, fitted over all points.
    """
    rough = found.roughness[inside] - truth.roughness[inside]
    metal = found.metallic[inside] - truth.metallic[inside]
    scaled = found.albedo * albedo_scale(found, truth)
    cosine = np.clip((found.normal[inside] * truth.normal[inside]).sum(axis=1), -1.0, 1.0)
    errors = {
        "albedo": float(np.abs(found.albedo[inside] - truth.albedo[inside]).mean()),
        "albedo_scaled": float(np.abs(scaled[inside] - truth.albedo[inside]).mean()),
        "roughness": float(np.abs(rough).mean()),
        "metallic": float(np.abs(metal).mean()),
        "roughness_bias": float(rough.mean()),
        "metallic_bias": float(metal.mean()),
        "normal": float(np.degrees(np.arccos(cosine)).mean()),
    }
    shiny = truth.roughness[inside] <= SHINY
    if shiny.any():
        errors["false_rough"] = float((found.roughness[inside][shiny] > 0.5).mean())
    matter = truth.metallic[inside] <= 0.5
    if matter.any():
        errors["false_metal"] = float((found.metallic[inside][matter] > 0.5).mean())
    return errors
