"""From a scene's values to files and to a renderable scene under a map (fact sheet, section 4).

`prepare_scene` gathers meshes and textures in one file, the same for all maps and roughnesses; `build` makes the scene.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from rerender.catalogue.origins import ORIGINS
from rerender.catalogue.prepare import Provenance, prepare_texture, target_mesh
from rerender.catalogue.resolve import AssetSettings
from rerender.catalogue.standins import ground_square
from rerender.core import primitives
from rerender.core.cameras import Camera
from rerender.core.errors import UserError
from rerender.core.files import atomic_path, write_json
from rerender.core.images import luminance
from rerender.core.latlong import full_map, horizontal_irradiance
from rerender.core.meshes import Mesh, transformed
from rerender.papers.envmaps.scene_specs import (
    FLOOR,
    FLOOR_ALBEDO,
    FLOOR_HALF_SIZE,
    AlphaRule,
    EnvSceneSpec,
    Material,
    Primitive,
    alpha,
)
from rerender.rendering.bitmaps import read_image
from rerender.rendering.scenes import EnvironmentMap, Film, Plugin, Scene, Shape, texture

TEXTURE_SIZE = (96, 144)
MADE_HERE = Provenance(
    id="",
    asset="",
    origin="original",
    source="procedural",
    sha256=None,
    url=None,
    licence="MIT (this project)",
    standin=False,
    note="a primitive",
)


@dataclass(frozen=True, eq=False)
class SceneParts:
    """What a scene is made of: meshes in world space by body, and linear textures (h, w, 3) by asset id."""

    meshes: Mapping[str, Mesh]
    textures: Mapping[str, np.ndarray]


def gather(spec: EnvSceneSpec, settings: AssetSettings) -> tuple[SceneParts, list[Provenance]]:
    """Return the parts of a scene and where each comes from. PNG and JPG textures need a Mitsuba variant.

    Raises `UserError` when neither a mesh nor an allowed stand-in is at hand.
    """
    meshes, textures, sources = {}, {}, []
    for body in spec.bodies:
        if body.primitive is not None:
            meshes[body.id] = primitive_mesh(body.primitive)
        else:
            mesh, provenance = target_mesh(body, settings)
            meshes[body.id] = transformed(mesh, _shift(body.shift))
            sources.append(provenance)
    for name in spec.textures:
        prepared = prepare_texture(name, settings, read_image=read_image, size=TEXTURE_SIZE)
        textures[name] = prepared.pixels
        sources.append(prepared.provenance)
    return SceneParts(meshes, textures), sources


def prepare_scene(
    spec: EnvSceneSpec, settings: AssetSettings, out_npz: Path | str, out_json: Path | str
) -> str:
    """Write a scene's parts, and their provenance with the weakest `origin` of all; return that origin."""
    parts, sources = gather(spec, settings)
    arrays: dict[str, np.ndarray] = {}
    for name, mesh in parts.meshes.items():
        arrays[f"mesh/{name}/vertices"], arrays[f"mesh/{name}/faces"] = mesh.vertices, mesh.faces
        if mesh.texcoords is not None:
            arrays[f"mesh/{name}/texcoords"] = mesh.texcoords
    arrays |= {f"texture/{name}": pixels for name, pixels in parts.textures.items()}
    with atomic_path(out_npz) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    origin = max((source.origin for source in sources), key=ORIGINS.index, default=MADE_HERE.origin)
    write_json(
        out_json,
        {
            "id": spec.id,
            "origin": origin,
            "standin": any(source.standin for source in sources),
            "parts": [vars(source) for source in sources or [MADE_HERE]],
        },
    )
    return origin


def load_parts(path: Path | str) -> SceneParts:
    """Read what `prepare_scene` wrote; `UserError` when the file is no such thing."""
    meshes: dict[str, dict[str, np.ndarray]] = {}
    textures = {}
    try:
        with np.load(path) as stored:
            for key in stored.files:
                kind, name, *field = key.split("/")
                if kind == "texture":
                    textures[name] = stored[key]
                else:
                    meshes.setdefault(name, {})[field[0]] = stored[key]
        return SceneParts({name: Mesh(**fields) for name, fields in meshes.items()}, textures)
    except (OSError, ValueError, KeyError, TypeError, IndexError, BadZipFile) as error:
        raise UserError(
            f"cannot read the scene {path}: {error}", "Delete it; the workflow makes it again."
        ) from error


def build(
    spec: EnvSceneSpec,
    parts: SceneParts,
    image_size: int,
    *,
    upper: np.ndarray | None = None,
    alpha_rule: AlphaRule = "squared",
) -> Scene:
    """Return the scene, image_size x image_size pixels, lit by an upper half (H, W, 3).

    Without a map a white one is put in its place; light models replace its values anyway.
    """
    if upper is None:
        upper = np.ones((2, 8, 3), dtype=np.float32)
    shapes = [
        Shape(body.id, parts.meshes[body.id], bsdf(body.material, parts.textures, alpha_rule))
        for body in spec.bodies
    ]
    shapes.append(Shape(FLOOR, ground_square(FLOOR_HALF_SIZE), _twosided(_diffuse((FLOOR_ALBEDO,) * 3))))
    view = spec.view
    return Scene(
        shapes=shapes,
        lights=[EnvironmentMap(full_map(upper))],
        cameras=[Camera(view.origin, view.target, fov_deg=view.fov_deg)],
        # a box filter keeps pixels independent, which the transport matrix needs
        film=Film(image_size, image_size, "box"),
        # no roulette: few bounces are traced, and it would only add noise
        integrator={"type": "path", "max_depth": spec.max_depth, "rr_depth": spec.max_depth + 1},
    )


def floor_exposure(upper: np.ndarray, level: float = 0.5) -> float:
    """Return the exposure that shows the open floor at `level` under this upper half (section 9, pitfall 6).

    A floor near 0.5 leaves most pixels of the picture off the clamp of the tone map, where losses have no gradient.
    Only light from the map counts: shadows make the floor darker, reflections of the objects brighter.
    """
    reflected = FLOOR_ALBEDO / np.pi * float(luminance(horizontal_irradiance(upper)))
    if not reflected > 0.0:
        raise ValueError("a black map cannot be exposed")
    return level / reflected


def bsdf(material: Material, textures: Mapping[str, np.ndarray], alpha_rule: AlphaRule = "squared") -> Plugin:
    """Describe a material for the renderer."""
    if material.surface == "metal":
        if material.roughness == 0.0:
            return {"type": "conductor", "material": "none"}
        return {
            "type": "roughconductor",
            "material": "none",
            "distribution": "ggx",
            "alpha": alpha(material.roughness, alpha_rule),
        }
    colour: Plugin = (
        {"type": "rgb", "value": list(material.colour)}
        if material.texture is None
        else texture(textures[material.texture])
    )
    if material.surface == "matte":
        return _twosided({"type": "diffuse", "reflectance": colour})
    return {"type": "principled", "base_color": colour, "roughness": material.roughness, "specular": 0.5}


def primitive_mesh(primitive: Primitive) -> Mesh:
    """Return a primitive in world space, standing on the plane."""
    makers = {
        "ball": primitives.ball,
        "box": primitives.box,
        "cone": primitives.cone,
        "ring": primitives.ring,
    }
    yaw = np.radians(primitive.yaw_deg)
    matrix = _shift((primitive.x, 0.0, primitive.z))
    matrix[0, 0] = matrix[2, 2] = primitive.size * np.cos(yaw)
    matrix[0, 2], matrix[2, 0] = primitive.size * np.sin(yaw), -primitive.size * np.sin(yaw)
    matrix[1, 1] = primitive.size
    return transformed(makers[primitive.kind](), matrix)


def _diffuse(colour: tuple[float, ...]) -> Plugin:
    return {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(colour)}}


def _twosided(bsdf_: Plugin) -> dict[str, Any]:
    return {"type": "twosided", "nested": bsdf_}


def _shift(by: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix
