"""The three render modes of the released code (fact sheet, section 2.5): single view, turntable and grid of views."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rerender.core.cameras import Camera
from rerender.core.files import atomic_path
from rerender.core.orbits import MAX_ELEVATION, Orbit
from rerender.papers.viewpoints.scenes import load_scene
from rerender.papers.viewpoints.settings import StillSettings
from rerender.papers.viewpoints.starts import orbit_of
from rerender.rendering.painted_views import PaintedViews
from rerender.rendering.variants import start_variant
from rerender.reporting.grids import as_bytes, write_png
from rerender.reporting.videos import Frame, below, beside, label, pad_even, write_video

FRAME_MS = 100
GRID_ELEVATIONS = (0.0, 30.0, 60.0, MAX_ELEVATION)  # released: 90, where up is parallel to the view
GRID_AZIMUTHS = tuple(45.0 * step for step in range(8))
LINE = 20
SEED = 0


def render_stills(
    file: Path, settings: StillSettings, folder: Path, *, variant: str = "auto", threads: int = 1
) -> None:
    """Write `single_view.png`, `turntable.mp4` and `.gif`, and `multi_view_grid.png`; Phong under the released light."""
    start_variant(variant, threads=threads)
    painted, orbit = load_scene(file), orbit_of(settings.camera)
    large = PaintedViews(painted, settings.size, shading="phong")
    write_png(folder / "single_view.png", pictures(large, [orbit.camera()], settings.spp)[0])
    turns = np.linspace(0.0, 360.0, settings.views, endpoint=False)
    frames = pictures(large, [orbit.moved_to(("azimuth",), [turn]).camera() for turn in turns], settings.spp)
    write_video(folder / "turntable.mp4", map(pad_even, frames), 1000.0 / FRAME_MS)
    write_gif(folder / "turntable.gif", frames, FRAME_MS)
    small = large.at_size(settings.cell)
    rows = []
    for elevation in GRID_ELEVATIONS:
        cameras = [Orbit(orbit.distance, elevation, azimuth, orbit.fov).camera() for azimuth in GRID_AZIMUTHS]
        row = pictures(small, cameras, settings.spp)
        titles = [f"E {elevation:.0f}°  A {azimuth:.0f}°" for azimuth in GRID_AZIMUTHS]
        cells = [
            below([label(title, settings.cell, LINE), cell], gap=0)
            for title, cell in zip(titles, row, strict=True)
        ]
        rows.append(beside(cells))
    write_png(folder / "multi_view_grid.png", below(rows))


def pictures(views: PaintedViews, cameras: Sequence[Camera], spp: int) -> list[Frame]:
    """Return pictures as display bytes, one camera after the other to spare memory."""
    return [as_bytes(np.clip(views.images([camera], spp=spp, seed=SEED)[0], 0.0, 1.0)) for camera in cameras]


def write_gif(path: Path, frames: Sequence[Frame], milliseconds: int) -> None:
    """Write an animation that repeats for ever, each frame shown for so long."""
    from PIL import Image

    images = [Image.fromarray(np.ascontiguousarray(frame)).quantize(128) for frame in frames]
    with atomic_path(path) as partial:
        images[0].save(
            partial, format="GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0
        )
