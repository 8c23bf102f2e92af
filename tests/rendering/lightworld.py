"""A small scene under a sky for the tests of light models: a metal ball on an infinite plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from rerender.catalogue.standins import ground_square
from rerender.core.cameras import Camera
from rerender.core.latlong import full_map
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.scenes import EnvironmentMap, Film, Scene, Shape, texture

MAP = (6, 24)
IMAGE = (12, 16)
FLOOR = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.5] * 3}}
MIRROR = {"type": "conductor", "material": "none"}
ROUGH = {"type": "roughconductor", "material": "none", "alpha": 0.3, "distribution": "ggx"}


def checked() -> dict[str, Any]:
    """A diffuse texture with colours."""
    pixels = np.random.default_rng(3).uniform(0.1, 0.9, (8, 8, 3)).astype(np.float32)
    return {"type": "diffuse", "reflectance": texture(pixels)}


def random_sky(seed: int = 0) -> np.ndarray:
    """An upper half with strong contrast from texel to texel, seam and horizon included."""
    return np.random.default_rng(seed).gamma(0.3, 1.0, (*MAP, 3)).astype(np.float32)


def ball_scene(
    bsdf: dict[str, Any] = ROUGH,
    *,
    floor: dict[str, Any] | None = FLOOR,
    sky: np.ndarray | None = None,
    max_depth: int = 4,
    film: Film | None = None,
) -> Scene:
    """A unit ball on a plane; without `floor` it hangs in the sky, which the camera then sees."""
    ball = icosphere(3)
    shapes = [Shape("object", Mesh(ball.vertices + np.array([0.0, 1.0, 0.0]), ball.faces), bsdf)]
    if floor is not None:
        shapes.append(Shape("floor", ground_square(1000.0), floor))
    return Scene(
        shapes=shapes,
        lights=[EnvironmentMap(full_map(random_sky() if sky is None else sky))],
        cameras=[Camera((0.0, 3.0, 6.0), (0.0, 0.75, 0.0), fov_deg=33.0)],
        film=film or Film(IMAGE[1], IMAGE[0], "box"),
        integrator={"type": "path", "max_depth": max_depth, "rr_depth": 100},
    )
