"""Turntables: the true materials, and the refined textures of both methods, under their light and under another one that turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rerender.core.cameras import turntable_cameras
from rerender.core.files import load_tree, save_tree
from rerender.core.images import srgb_encode
from rerender.core.meshes import Mesh
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.fit import shade_maps
from rerender.papers.materials.methods import METHODS
from rerender.papers.materials.refine import moved_to
from rerender.papers.materials.scenes import load_object
from rerender.papers.materials.settings import PictureSettings
from rerender.papers.materials.sources import bilinear
from rerender.papers.materials.traced import Coated, traced_pictures
from rerender.rendering.bitmaps import read_image
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer, trace
from rerender.rendering.texture_atlas import unwrapped
from rerender.rendering.variants import start_variant
from rerender.reporting.grids import as_bytes
from rerender.reporting.videos import (
    Frame,
    below,
    beside,
    enlarge,
    label,
    pad_even,
    whole_factor,
    write_video,
)

CELL, LINE, FPS = 256, 22, 12


@dataclass(frozen=True)
class VideoRequest:
    """An object, its light, another one, and the refined textures by method; `resolution` is theirs."""

    title: str
    scene: Path
    light: Path
    relight: Path
    finals: Mapping[str, Path]
    resolution: int
    settings: PictureSettings
    variant: str = "auto"
    threads: int = 1


def make_video(request: VideoRequest, out: Path | str, traced: Path | str) -> None:
    """Write the turntable of an object, first seed, and to `traced` a path-traced picture of each column under both lights."""
    torch.set_num_threads(request.threads)
    start_variant(request.variant, threads=request.threads)
    thing = load_object(request.scene)
    atlas = unwrapped(thing.mesh, request.resolution)
    textures = {name: first_textures(path) for name, path in request.finals.items()}
    lights = {
        name: read_image(path) for name, path in (("render", request.light), ("relit", request.relight))
    }
    light = LightLevels.from_latlong(lights["render"])
    columns = [
        Column("true materials", thing.mesh, thing.maps, light),
        *(Column(METHODS[name].title, atlas, looked_up(maps), light) for name, maps in textures.items()),
    ]
    write_video(out, turntable(request.title, columns, lights["relit"], request.settings), FPS)
    true = {name: getattr(thing, name) for name in ("albedo", "roughness", "metallic")}
    found = {
        name: Coated(atlas, {channel: value.numpy() for channel, value in maps.items()})
        for name, maps in textures.items()
    }
    save_tree(traced, traced_pictures(Coated(thing.mesh, true), found, lights, request.settings))


@dataclass(frozen=True, eq=False)
class Column:
    """What a turntable shows: an object with texture coordinates, its maps at them (N, 2), and the light above."""

    text: str
    mesh: Mesh
    maps: Callable[[Tensor], Maps]
    light: LightLevels


@torch.no_grad()
def turntable(
    title: str, columns: Sequence[Column], relight: np.ndarray, settings: PictureSettings
) -> Iterator[Frame]:
    """Yield frames: above each column's own light, below the map `relight`, which turns. Meshes have the same faces in the same order."""
    surface = trace(columns[0].mesh, turntable_cameras(settings.frames), settings.size)
    for frame in range(settings.frames):
        here = surface.select([frame])
        turned = np.roll(relight, frame * relight.shape[1] // settings.frames, axis=1)
        other = LightLevels.from_latlong(turned)
        places = [moved_to(column.mesh, here) for column in columns]
        rows = [
            beside(
                [_cell(one, place, light or one.light) for one, place in zip(columns, places, strict=True)]
            )
            for light in (None, other)
        ]
        heading = label(f"{title}; below: another light, turning", rows[0].shape[1], LINE, bold=True)
        yield pad_even(below([heading, *rows]))


def looked_up(textures: Maps) -> Callable[[Tensor], Maps]:
    """Return textures as a function of texture coordinates."""
    return lambda uv: {channel: bilinear(value, uv) for channel, value in textures.items()}


def first_textures(final: Path) -> Maps:
    """Return the textures of the first seed of a finished fine stage."""
    seeds = load_tree(final)["seeds"]
    found = seeds[min(seeds, key=int)]["textures"]
    return {name: torch.from_numpy(value) for name, value in found.items()}


def _cell(column: Column, surface: GBuffer, light: LightLevels) -> Frame:
    """Return one labelled picture on white."""
    radiance = surface.images(shade_maps(surface, column.maps(surface.uv), light), 1.0)[0].numpy()
    image = as_bytes(srgb_encode(np.clip(radiance, 0.0, 1.0)))
    image = enlarge(image, whole_factor(len(image), CELL))
    return below([label(column.text, image.shape[1], LINE), image], gap=0)
