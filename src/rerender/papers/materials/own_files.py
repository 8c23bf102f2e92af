"""What is kept of a user's own capture: maps as pictures, the object as glTF, the light, a panel and a turntable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.core.files import Tree
from rerender.core.images import srgb_encode
from rerender.core.meshes import Mesh
from rerender.papers.materials.fields import Maps
from rerender.papers.materials.figures import GREYS, TITLE, picture_rows
from rerender.papers.materials.methods import METHODS
from rerender.papers.materials.pictures import pictures_of
from rerender.papers.materials.refine import Refined
from rerender.papers.materials.settings import PictureSettings
from rerender.papers.materials.videos import FPS, Column, looked_up, turntable
from rerender.papers.materials.views import Views
from rerender.rendering.bitmaps import write_exr
from rerender.rendering.filtered_light import LightLevels
from rerender.reporting import captions, style
from rerender.reporting.gltf import PbrMaps, normal_image, packed_orm, write_glb
from rerender.reporting.grids import write_png
from rerender.reporting.videos import write_video

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class OwnResult:
    """What a method found: refined textures, and the light, as it was learned (H, 2 H, 3) and filtered."""

    method: str
    refined: Refined
    radiance: np.ndarray
    light: LightLevels

    def textures(self) -> Maps:
        """Return the textures on the CPU."""
        return {name: value.detach().cpu() for name, value in self.refined.source.textures.items()}


@dataclass(frozen=True, eq=False)
class Shelf:
    """What pictures of all results share: name and tier, the mesh, held-out views, another light, and how pictures are made."""

    title: str
    tier: str
    mesh: Mesh
    heldout: Views
    relight: np.ndarray
    pictures: PictureSettings


def write_results(shelf: Shelf, results: Sequence[OwnResult], folder: Path) -> None:
    """Write `found.{png,pdf,parquet}`, `video.mp4`, and a folder of maps for every method."""
    for one in results:
        write_maps(folder / "materials" / one.method, shelf, one)
    with style.look():
        figure, data = draw_found(shelf, results)
        style.save_figure(figure, folder / "found", data)
    columns = [
        Column(METHODS[one.method].title, shelf.mesh, looked_up(one.textures()), one.light.to("cpu"))
        for one in results
    ]
    write_video(folder / "video.mp4", turntable(shelf.title, columns, shelf.relight, shelf.pictures), FPS)


def write_maps(folder: Path, shelf: Shelf, one: OwnResult) -> None:
    """Write the maps of a method: one picture each, packed, the light, and all of it on the object."""
    folder.mkdir(parents=True)
    maps = one.refined.maps()
    for name, pixels in unpacked(maps).items():
        write_png(folder / f"{name}.png", pixels)
    write_exr(folder / "light.exr", one.radiance)
    write_glb(folder / "object.glb", shelf.mesh, maps, name=shelf.title)


def unpacked(maps: PbrMaps) -> Mapping[str, np.ndarray]:
    """Return maps as pictures: albedo sRGB; roughness, metallic and packed raw; normals as glTF codes them."""
    assert maps.normal is not None
    return {
        "albedo": srgb_encode(np.clip(maps.albedo, 0.0, 1.0)),
        "roughness": np.repeat(maps.roughness[..., None], 3, axis=-1),
        "metallic": np.repeat(maps.metallic[..., None], 3, axis=-1),
        "normal": normal_image(maps.normal),
        "orm": packed_orm(maps),
    }


def draw_found(shelf: Shelf, results: Sequence[OwnResult]) -> tuple[Figure, pl.DataFrame]:
    """Draw a held-out photograph, and each method's picture, relit picture and maps of it."""
    surface = shelf.heldout.surface.select([0])
    target = shelf.heldout.target[shelf.heldout.surface.of_view(0)]
    photograph = surface.images(target, float("nan")).cpu().numpy()
    rows: list[tuple[str, Tree]] = [("photograph", {"render": photograph})]
    other = LightLevels.from_latlong(shelf.relight).to(target.device)
    for one in results:
        shots = pictures_of(one.refined.source.at, surface, one.light, other, flat=False)
        rows.append((METHODS[one.method].title, shots))
    note = captions.sentences(
        f"{shelf.title}: the first picture that no fit saw, after the fine stage. Geometry is from masks, the light is learned.",
        GREYS,
        captions.tier_sentence(shelf.tier),
    )
    return picture_rows(rows, tuple(TITLE), note)
