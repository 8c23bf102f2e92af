"""Turntables: the true materials, and the refined textures of both methods, under their light and under another one that turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rerender.core.cameras import turntable_cameras
from rerender.core.files import load_tree
from rerender.core.images import srgb_encode
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.fit import shade_maps
from rerender.papers.materials.methods import METHODS
from rerender.papers.materials.refine import moved_to
from rerender.papers.materials.scenes import load_object
from rerender.papers.materials.settings import PictureSettings
from rerender.papers.materials.sources import bilinear
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


def make_video(request: VideoRequest, out: Path | str) -> None:
    """Write the turntable of an object, first seed."""
    torch.set_num_threads(request.threads)
    start_variant(request.variant, threads=request.threads)
    write_video(out, _frames(request), FPS)


@torch.no_grad()
def _frames(request: VideoRequest) -> Iterator[Frame]:
    """Yield frames: above the light of the fits, below another one that turns; truth and methods beside each other."""
    thing, settings = load_object(request.scene), request.settings
    atlas = unwrapped(thing.mesh, request.resolution)
    textures = {name: first_textures(path) for name, path in request.finals.items()}
    radiance, relight = read_image(request.light), read_image(request.relight)
    light = LightLevels.from_latlong(radiance)
    surface = trace(thing.mesh, turntable_cameras(settings.frames), settings.size)
    for frame in range(settings.frames):
        here = surface.select([frame])
        there = moved_to(atlas, here)
        turned = np.roll(relight, frame * relight.shape[1] // settings.frames, axis=1)
        columns: dict[str, tuple[GBuffer, Maps]] = {"true materials": (here, thing.maps(here.uv))}
        for name, found in textures.items():
            maps: Maps = {channel: bilinear(value, there.uv) for channel, value in found.items()}
            columns[METHODS[name].title] = (there, maps)
        rows = [
            beside([_cell(text, seen, maps, levels) for text, (seen, maps) in columns.items()])
            for levels in (light, LightLevels.from_latlong(turned))
        ]
        heading = label(f"{request.title}; below: another light, turning", rows[0].shape[1], LINE, bold=True)
        yield pad_even(below([heading, *rows]))


def first_textures(final: Path) -> Maps:
    """Return the textures of the first seed of a finished fine stage."""
    seeds = load_tree(final)["seeds"]
    found = seeds[min(seeds, key=int)]["textures"]
    return {name: torch.from_numpy(value) for name, value in found.items()}


def _cell(text: str, surface: GBuffer, maps: Maps, light: LightLevels) -> Frame:
    """Return one labelled picture on white."""
    radiance = surface.images(shade_maps(surface, maps, light), 1.0)[0].numpy()
    image = as_bytes(srgb_encode(np.clip(radiance, 0.0, 1.0)))
    image = enlarge(image, whole_factor(len(image), CELL))
    return below([label(text, image.shape[1], LINE), image], gap=0)
