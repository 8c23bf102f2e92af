"""The light model of a place: its transport matrix, baked once and shared by all skies, or Mitsuba in the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from rerender.papers.envmaps.scene_specs import env_scene
from rerender.papers.envmaps.scenes import build, load_parts
from rerender.papers.envmaps.settings import split_place
from rerender.rendering.envmap_light import MitsubaLight
from rerender.rendering.light_model import LightModel
from rerender.rendering.scenes import Scene
from rerender.rendering.transport import BakeProgress, bake, load_transport

BAKE_SEED = 0


@dataclass(frozen=True)
class Place:
    """A scene at a roughness (`name`), its prepared parts, and the sizes of picture and upper half."""

    name: str
    parts: Path
    image_size: int
    map_shape: tuple[int, int]

    def scene(self) -> Scene:
        """Return the scene. Needs a Mitsuba variant."""
        name, roughness = split_place(self.name)
        return build(env_scene(name).with_roughness(roughness), load_parts(self.parts), self.image_size)


def bake_place(
    place: Place, samples: int, out: Path | str, report: Callable[[BakeProgress], None] = print
) -> None:
    """Bake the transport matrix with so many samples per texel and pixel, and write it."""
    bake(place.scene(), place.map_shape, samples=samples, seed=BAKE_SEED, report=report).save(out)


def light_of(
    place: Place, transport: Path | None, device: torch.device, *, spp: int, spp_grad: int | None
) -> LightModel:
    """Return the baked light model, or Mitsuba's where there is no matrix."""
    if transport is None:
        return mitsuba_light(place, spp=spp, spp_grad=spp_grad)
    return load_transport(transport).to(device)


def mitsuba_light(place: Place, *, spp: int, spp_grad: int | None = None) -> MitsubaLight:
    """Return the place as Mitsuba renders it."""
    return MitsubaLight(place.scene(), place.map_shape, spp=spp, spp_grad=spp_grad)
