"""From registry entries and prepared files to a scene: the target, and the same scene with the probed factor replaced.

The object is always called `object`, so its parameters are `object.vertex_positions`, `object.bsdf.roughness.value`, ….
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rerender.catalogue.origins import read_origin
from rerender.catalogue.specs import Bsdf, EnvmapSpec, GlossyBsdf, Ground, MeasuredBsdf, SceneSpec
from rerender.catalogue.standins import ground_square
from rerender.core.cameras import (
    Camera,
    circling_cameras,
    fibonacci_cameras,
    heldout_cameras,
    heldout_material_cameras,
    material_cameras,
)
from rerender.core.images import resize_area
from rerender.core.meshes import Mesh
from rerender.core.meshio import read_mesh
from rerender.rendering import scenes
from rerender.rendering.bitmaps import read_image
from rerender.rendering.tonemap import reinhard_srgb

OBJECT = "object"
TURNTABLE_VIEWS = 24


@dataclass(frozen=True)
class SceneFiles:
    """Prepared files of one scene under one light; each has its provenance in a `.json` beside it."""

    mesh: Path
    envmap: Path | None = None
    texture: Path | None = None
    ground: Path | None = None
    bsdf: Path | None = None

    @property
    def origin(self) -> str:
        """The weakest origin among the files: original, mirror or standin."""
        return read_origin(*(path.with_suffix(".json") for path in self.named().values()))

    def named(self) -> dict[str, Path]:
        """Return the files that there are, by role."""
        roles = {
            **{"mesh": self.mesh, "envmap": self.envmap, "texture": self.texture, "ground": self.ground},
            "bsdf": self.bsdf,
        }
        return {role: Path(path) for role, path in roles.items() if path is not None}


@dataclass(frozen=True, eq=False)
class World:
    """A target scene in memory: registry entries and the content of their files; `bsdf_file` is for Mitsuba to read."""

    scene: SceneSpec
    envmap: EnvmapSpec
    mesh: Mesh
    radiance: np.ndarray | None
    base_color: np.ndarray | None
    ground: Mesh | None
    bsdf_file: Path | None = None


def load_world(scene: SceneSpec, envmap: EnvmapSpec, files: SceneFiles) -> World:
    """Read the files of a scene. Needs a Mitsuba variant."""
    ground = None
    if scene.ground is not None:
        ground = read_mesh(files.ground) if files.ground else ground_square(scene.ground.half_size)
    return World(
        scene=scene,
        envmap=envmap,
        mesh=read_mesh(files.mesh),
        radiance=read_image(files.envmap) if files.envmap else None,
        base_color=read_image(files.texture) if files.texture else None,
        ground=ground,
        bsdf_file=files.bsdf,
    )


def training_cameras(world: World, n_views: int) -> tuple[Camera, ...]:
    """Return the cameras that the optimisation sees (sections 4.1 and 2.2)."""
    if world.scene.family == "geometry":
        return fibonacci_cameras(n_views)
    return material_cameras()


def unseen_cameras(world: World, count: int) -> tuple[Camera, ...]:
    """Return cameras that no optimisation sees."""
    if world.scene.family == "geometry":
        return heldout_cameras(count)
    return heldout_material_cameras(count)


def round_cameras(world: World) -> tuple[Camera, ...]:
    """Return the cameras of a turntable: at the distance of the training views, a little above a shape, level with a material."""
    if world.scene.family == "geometry":
        return circling_cameras(TURNTABLE_VIEWS, 5.0, 20.0)
    return circling_cameras(TURNTABLE_VIEWS, 10.0, height=2.0, fov_deg=39.597755)


def build(
    world: World,
    cameras: Sequence[Camera],
    image_size: int,
    *,
    mesh: Mesh | None = None,
    bsdf: Mapping[str, Any] | None = None,
    integrator: Mapping[str, Any] | None = None,
    batched: bool = False,
) -> scenes.Scene:
    """Describe the target, or with `mesh` or `bsdf` the target with that factor replaced.

    Without an `integrator` it is the plain primal one of the family: `direct`, or `path`.
    """
    spec = world.scene
    shapes = [scenes.Shape(OBJECT, mesh or world.mesh, bsdf or target_bsdf(world))]
    if spec.ground is not None and world.ground is not None:
        shapes.append(scenes.Shape("ground", world.ground, _checkerboard(spec.ground)))
    return scenes.Scene(
        shapes=shapes,
        lights=_lights(world),
        cameras=cameras,
        film=scenes.Film(image_size, image_size, "box" if batched else "gaussian"),
        integrator=integrator or primal_integrator(spec),
        batched=batched,
    )


def primal_integrator(spec: SceneSpec, max_depth: int | None = None) -> dict[str, Any]:
    """Return the integrator of target and evaluation renders."""
    if spec.family == "geometry":
        return {"type": "direct"}
    return {"type": "path", "max_depth": max_depth or spec.max_depth, "rr_depth": spec.rr_depth}


def target_bsdf(world: World) -> dict[str, Any]:
    """Describe the object's true BSDF."""
    truth = world.scene.bsdf
    if isinstance(truth, MeasuredBsdf):
        if world.bsdf_file is None:
            return glossy_plugin(truth.standin)
        return {"type": "measured", "filename": str(world.bsdf_file)}
    return bsdf_plugin(truth, {} if world.base_color is None else {"base_color": world.base_color})


def glossy_plugin(bsdf: GlossyBsdf) -> dict[str, Any]:
    """Describe the analytic stand-in of a measured BSDF."""

    def rgb(value: tuple[float, float, float]) -> dict[str, Any]:
        return {"type": "rgb", "value": list(value)}

    if bsdf.coat_ior is not None:
        return {
            "type": "roughplastic",
            "distribution": "beckmann",
            "alpha": bsdf.alpha_u,
            "int_ior": bsdf.coat_ior,
            "diffuse_reflectance": rgb(bsdf.diffuse),
            "specular_reflectance": rgb(bsdf.specular),
            "nonlinear": True,
        }
    return {
        "type": "blendbsdf",
        "weight": bsdf.weight,
        "base": {"type": "diffuse", "reflectance": rgb(bsdf.diffuse)},
        "gloss": {
            "type": "roughconductor",
            "distribution": "beckmann",
            "alpha_u": bsdf.alpha_u,
            "alpha_v": bsdf.alpha_v,
            "specular_reflectance": rgb(bsdf.specular),
        },
    }


def bsdf_plugin(bsdf: Bsdf, textures: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Describe a BSDF; `textures`, (H, W, 3) by parameter name, replace its values."""
    if "base_color" in textures:
        colour: dict[str, Any] = scenes.texture(textures["base_color"])
    else:
        assert not isinstance(bsdf.base_color, str), f"texture {bsdf.base_color} was not read"
        colour = {"type": "rgb", "value": [float(bsdf.base_color)] * 3}
    if bsdf.plugin == "diffuse":
        return {"type": "twosided", "nested": {"type": "diffuse", "reflectance": colour}}
    mapped = {name: scenes.texture(pixels) for name, pixels in textures.items()}
    return {"type": "principled", **bsdf.scalars, **mapped, "base_color": colour}


def fitted_bsdf(scene: SceneSpec, state: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the fitted BSDF: the start with every optimised parameter replaced by that of `state`."""
    assert scene.start_bsdf is not None
    values = {free.name: np.asarray(state[free.name]) for free in scene.optimised if free.name in state}
    plugin = bsdf_plugin(scene.start_bsdf, {name: x for name, x in values.items() if x.ndim == 3})
    return plugin | {name: float(x.item()) for name, x in values.items() if x.size == 1}


def true_values(world: World, texture_size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the parameters of the target that the fitted family can express, by their names.

    A `diffuse` target has a texture only: as a `principled` BSDF it has no exact counterpart. A measured one has none.
    """
    bsdf, truth = world.scene.bsdf, {}
    if world.base_color is not None:
        truth["base_color"] = resize_area(world.base_color, *texture_size)
    if isinstance(bsdf, Bsdf) and bsdf.plugin == "principled":
        truth |= {name: np.array([value]) for name, value in bsdf.scalars.items()}
    return truth


def display(radiance: torch.Tensor) -> torch.Tensor:
    """Tone-map radiance (N, H, W, 3) as every loss and metric sees it (section 1)."""
    return reinhard_srgb(radiance)


def _lights(world: World) -> list[scenes.Light]:
    if world.radiance is not None:
        lights: list[scenes.Light] = [scenes.EnvironmentMap(world.radiance)]
    else:
        assert world.envmap.radiance is not None, f"the map of {world.envmap.id} was not read"
        lights = [scenes.ConstantLight(world.envmap.radiance)]
    if world.scene.spotlight is not None:
        lights.append(scenes.PointLight(world.scene.spotlight.position, world.scene.spotlight.intensity))
    return lights


def _checkerboard(ground: Ground) -> dict[str, Any]:
    import mitsuba as mi

    board = {
        "type": "checkerboard",
        "color0": {"type": "rgb", "value": [ground.bright] * 3},
        "color1": {"type": "rgb", "value": [ground.dark] * 3},
        "to_uv": mi.ScalarTransform4f().scale([ground.repeats, ground.repeats, 1.0]),
    }
    return {"type": "twosided", "nested": {"type": "diffuse", "reflectance": board}}
