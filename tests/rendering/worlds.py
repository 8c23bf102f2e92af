"""Small scenes that the rendering tests share, so that kernels are compiled once."""

from __future__ import annotations

from typing import Any

import numpy as np

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh, icosphere
from rerender.rendering.scenes import ConstantLight, EnvironmentMap, Film, Scene, Shape, texture

CAMERAS = (Camera(origin=(0.0, 0.0, 5.0)), Camera(origin=(5.0, 0.0, 0.0)))
SIZE = 32


def gradient_sky() -> EnvironmentMap:
    """A map that is bright above and red to one side, so that shapes show in it."""
    rows, columns = np.mgrid[0:8, 0:16]
    up = 1.5 - rows / 7
    red = 0.5 + 0.5 * np.cos(2 * np.pi * columns / 16)
    return EnvironmentMap(np.stack([up * (0.5 + red), up, up], axis=-1).astype(np.float32))


def uv_sphere() -> Mesh:
    """A sphere with texture coordinates from its directions."""
    sphere = icosphere(3)
    x, y, z = sphere.vertices.T
    uv = np.stack([0.5 + 0.45 * x, 0.5 + 0.45 * y], axis=1)
    return Mesh(sphere.vertices, sphere.faces, uv)


def sphere_scene(
    *,
    mesh: Mesh | None = None,
    integrator: dict[str, Any] | None = None,
    bsdf: dict[str, Any] | None = None,
    batched: bool = False,
    constant: bool = False,
    size: int = SIZE,
) -> Scene:
    """A sphere under the gradient sky or a constant light, seen from the front and the side."""
    return Scene(
        shapes=[Shape("object", mesh or uv_sphere(), bsdf or grey())],
        lights=[ConstantLight(1.0) if constant else gradient_sky()],
        cameras=CAMERAS,
        film=Film(size, size, "box" if batched else "gaussian"),
        integrator=integrator or {"type": "direct"},
        batched=batched,
    )


def grey(value: float = 0.5) -> dict[str, Any]:
    return {"type": "diffuse", "reflectance": {"type": "rgb", "value": [value] * 3}}


def textured(values: np.ndarray) -> dict[str, Any]:
    return {"type": "principled", "base_color": texture(values), "roughness": 0.5}
