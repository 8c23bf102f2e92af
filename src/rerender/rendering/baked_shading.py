"""Mitsuba renders of a mesh with material textures, differentiable in the textures: `principled` under a `normalmap`, path replay.

`prb` with `max_depth` 2 is direct light; its sampling is detached, so gradients by roughness are a few times less
noisy than those of `direct`. Textures have row 0 at v = 1 and are looked up bilinearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from rerender.core.cameras import Camera
from rerender.core.meshes import Mesh, vertex_normals
from rerender.rendering.differentiable import Renderer
from rerender.rendering.scenes import EnvironmentMap, Film, Scene, Shape, build_scene

DIRECT = {"type": "prb", "max_depth": 2, "hide_emitters": True}
DEPTH = 6
CHANNELS: Mapping[str, int] = {"albedo": 3, "roughness": 1, "metallic": 1, "normal": 3}
_INNER = "object.bsdf.nested_bsdf."
_KEYS: Mapping[str, str] = {
    "albedo": f"{_INNER}base_color.data",
    "roughness": f"{_INNER}roughness.data",
    "metallic": f"{_INNER}metallic.data",
    "normal": "object.bsdf.normalmap.data",
}


def material(maps: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Describe a BSDF by its maps: `albedo` (H, W, 3) linear, `roughness`, `metallic` (H, W, 1), optional `normal` (H, W, 3),
    in tangent space, not necessarily unit.
    """
    inner: dict[str, Any] = {"type": "principled", "specular": 0.5}
    for name, key in (("albedo", "base_color"), ("roughness", "roughness"), ("metallic", "metallic")):
        inner[key] = _texture(np.asarray(maps[name]).reshape(*maps[name].shape[:2], CHANNELS[name]))
    normal = np.asarray(maps.get("normal", np.array([[[0.0, 0.0, 1.0]]])))
    return {
        "type": "normalmap",
        "normalmap": _texture(_coded(torch.from_numpy(normal)).numpy()),
        "bsdf": inner,
    }


def textured_scene(
    mesh: Mesh,
    maps: Mapping[str, np.ndarray],
    radiance: np.ndarray,
    cameras: Sequence[Camera],
    film: Film,
    integrator: Mapping[str, Any] = DIRECT,
) -> Scene:
    """Return a mesh with maps under a lat-long light, for published pictures and relighting. Normals are of welded vertices."""
    shape = Shape("object", mesh, material(maps), normals=vertex_normals(mesh))
    return Scene([shape], [EnvironmentMap(radiance)], cameras, film, dict(integrator))


def path_traced(
    mesh: Mesh,
    maps: Mapping[str, np.ndarray],
    radiance: np.ndarray,
    camera: Camera,
    *,
    size: int,
    spp: int,
    seed: int,
) -> np.ndarray:
    """Return a picture (size, size, 4) of a mesh with maps: linear radiance over black, and coverage; all light paths of up to `DEPTH` rays.

    What `split_sum` leaves out is in it: shadows, and light from one part of the object to another. Needs a Mitsuba variant.
    """
    import mitsuba as mi

    integrator = {"type": "path", "max_depth": DEPTH, "hide_emitters": True}
    film = Film(size, size, "box", alpha=True)
    scene = build_scene(textured_scene(mesh, maps, radiance, [camera], film, integrator))
    return np.array(mi.render(scene, spp=spp, seed=seed), dtype=np.float32)


class BakedShader:
    """A mesh whose textures are optimised through Mitsuba, seen by fixed cameras. Needs a Mitsuba variant.

    `size` is (H, W) of all textures. Pixels are box filtered and the light itself is hidden, so silhouettes mix with
    black: leave them out where they are compared with pixel-centre pictures.
    """

    def __init__(
        self, mesh: Mesh, radiance: np.ndarray, cameras: Sequence[Camera], film: Film, size: tuple[int, int]
    ) -> None:
        self.size = size
        start = {name: np.full((*size, channels), 0.5) for name, channels in CHANNELS.items()}
        scene = textured_scene(mesh, start, radiance, cameras, film)
        self.renderer = Renderer(scene, tuple(_KEYS.values()))

    def images(
        self, textures: Mapping[str, torch.Tensor], *, views: Sequence[int], seeds: Sequence[int], spp: int
    ) -> torch.Tensor:
        """Return linear radiance (V, H, W, 3); differentiable in `textures`, (H, W, channels) each, all four of `CHANNELS`.

        Take the gradient before the next call, and give every view of every step its own seed.
        """
        values = {}
        for name, channels in CHANNELS.items():
            if tuple(textures[name].shape) != (*self.size, channels):
                raise ValueError(
                    f"the texture '{name}' has shape {tuple(textures[name].shape)}, not {(*self.size, channels)}"
                )
            values[_KEYS[name]] = _coded(textures[name]) if name == "normal" else textures[name]
        return self.renderer.render(values, views=views, seeds=seeds, spp=spp)


def _coded(normals: torch.Tensor) -> torch.Tensor:
    """Map tangent-space normals to [0, 1] as `normalmap` reads them; z < 0 counts as 0, as in split-sum shading."""
    upper = torch.cat([normals[..., :2], normals[..., 2:].clamp_min(0.0)], dim=-1)
    return 0.5 + 0.5 * torch.nn.functional.normalize(upper, dim=-1)


def _texture(pixels: np.ndarray) -> dict[str, Any]:
    return {"type": "bitmap", "bitmap": np.asarray(pixels, np.float32), "raw": True, "wrap_mode": "clamp"}
