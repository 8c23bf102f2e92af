"""Scenes as plain frozen values, and the function that turns one into a Mitsuba scene.

Nothing here is shared or mutated: two scenes built from the same value are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh
from rerender.rendering import compat

Plugin = Mapping[str, Any]  # a Mitsuba plug-in dictionary; arrays stand for bitmaps


@dataclass(frozen=True)
class Film:
    """Film of every camera: square pixels, linear RGB, with `alpha` RGBA.

    `reconstruction_filter` is `gaussian` (Mitsuba's default) or `box` (cheaper, and the right choice when
    several views share one film, since it does not leak over a view's border).
    """

    width: int
    height: int
    reconstruction_filter: str = "gaussian"
    alpha: bool = False


@dataclass(frozen=True)
class Shape:
    """A mesh in world space with its BSDF; `normals` (V, 3) replace the smooth ones that Mitsuba makes; `flat` faces have no others than their own."""

    id: str
    mesh: Mesh
    bsdf: Plugin
    normals: np.ndarray | None = None
    flat: bool = False


@dataclass(frozen=True)
class ConstantLight:
    """Uniform radiance from all directions, grey or RGB."""

    radiance: float | tuple[float, float, float] = 1.0


@dataclass(frozen=True)
class EnvironmentMap:
    """Radiance map in lat-long layout, shape (H, W, 3), linear RGB, y up."""

    radiance: np.ndarray


@dataclass(frozen=True)
class PointLight:
    """Point light with RGB radiant intensity [W/sr]."""

    position: tuple[float, float, float]
    intensity: tuple[float, float, float]


@dataclass(frozen=True)
class DirectionalLight:
    """Parallel light that travels along `direction`, with its irradiance on a plane that faces it [W/m²]."""

    direction: tuple[float, float, float]
    irradiance: float


Light = ConstantLight | EnvironmentMap | PointLight | DirectionalLight


@dataclass(frozen=True)
class Scene:
    """Everything that a render depends on, apart from samples and seed."""

    shapes: Sequence[Shape]
    lights: Sequence[Light]
    cameras: Sequence[Camera]
    film: Film
    integrator: Plugin = field(default_factory=lambda: {"type": "direct"})
    batched: bool = False


def build_scene(scene: Scene) -> Any:
    """Return a fresh `mi.Scene`.

    With `batched` all cameras write side by side into one wide film, in one kernel: sensor 0 then
    renders every view. Projective integrators cannot sample the silhouettes of a batch sensor; `Renderer` gives
    them their views in one kernel by other means (`direct_views`).
    """
    import mitsuba as mi

    content: dict[str, Any] = {"type": "scene", "integrator": dict(scene.integrator)}
    for shape in scene.shapes:
        bsdf = mi.load_dict(plugin_dict(shape.bsdf))
        content[shape.id] = compat.mitsuba_mesh(shape.id, shape.mesh, bsdf, shape.normals, flat=shape.flat)
    for index, light in enumerate(scene.lights):
        content[f"light{index}"] = _light(light)
    sensors = {f"camera{i:03d}": _sensor(camera, scene.film) for i, camera in enumerate(scene.cameras)}
    if scene.batched:
        wide = Film(scene.film.width * len(sensors), scene.film.height, scene.film.reconstruction_filter)
        content["cameras"] = {"type": "batch", "film": _film(wide), "sampler": _sampler(), **sensors}
    else:
        content.update(sensors)
    return mi.load_dict(content)


def _light(light: Light) -> dict[str, Any]:
    import mitsuba as mi

    match light:
        case ConstantLight(radiance):
            return {
                "type": "constant",
                "radiance": _rgb(radiance) if isinstance(radiance, tuple) else radiance,
            }
        case EnvironmentMap(radiance):
            return {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(radiance, np.float32))}
        case PointLight(position, intensity):
            return {
                "type": "point",
                "position": list(position),
                "intensity": _rgb(intensity),
            }
        case DirectionalLight(direction, irradiance):
            return {"type": "directional", "direction": list(direction), "irradiance": irradiance}


def _rgb(colour: tuple[float, float, float]) -> dict[str, Any]:
    return {"type": "rgb", "value": list(colour)}


def _film(film: Film) -> dict[str, Any]:
    return {
        "type": "hdrfilm",
        "width": film.width,
        "height": film.height,
        "pixel_format": "rgba" if film.alpha else "rgb",
        "component_format": "float32",
        "rfilter": {"type": film.reconstruction_filter},
        # With a border, Mitsuba 3.9.1 scales silhouette gradients by the area of film plus border over that of
        # the film (measured: 1.25 at 32 px, 1.12 at 64 px with the Gaussian filter). Objects are whole in view,
        # so nothing is missed without one. See docs/known-differences.md.
        "sample_border": False,
    }


def _sampler() -> dict[str, Any]:
    return {"type": "independent"}


def _sensor(camera: Camera, film: Film) -> dict[str, Any]:
    import mitsuba as mi

    return {
        "type": "perspective",
        "fov": camera.fov_deg,
        "fov_axis": "x",
        "near_clip": camera.near,
        "far_clip": camera.far,
        "to_world": mi.ScalarTransform4f().look_at(
            origin=list(camera.origin), target=list(camera.target), up=list(camera.up)
        ),
        "film": _film(film),
        "sampler": _sampler(),
    }


def plugin_dict(description: Plugin) -> dict[str, Any]:
    """Copy a plug-in dictionary, turning arrays (H, W, C) into raw bitmaps and numbers in textures as they are."""
    import mitsuba as mi

    result: dict[str, Any] = {}
    for key, value in description.items():
        if isinstance(value, Mapping):
            result[key] = plugin_dict(value)
        elif isinstance(value, np.ndarray):
            result[key] = mi.Bitmap(np.ascontiguousarray(value, np.float32))
        else:
            result[key] = value
    return result


def texture(pixels: np.ndarray) -> dict[str, Any]:
    """Describe a linear RGB texture, shape (H, W, 3); the values are used as they are."""
    return {"type": "bitmap", "bitmap": pixels, "raw": True}
