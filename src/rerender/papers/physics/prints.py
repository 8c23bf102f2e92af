"""Frames for print: what was found from video, a strip an experiment, rendered by Mitsuba with shadows and a ground."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rerender.core.cameras import Camera
from rerender.core.images import srgb_encode
from rerender.core.seeds import derive_seed
from rerender.papers.physics.looks import Look
from rerender.reporting import captions, style
from rerender.reporting.grids import picture_at, png_bytes, spread_indices, text_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

MOMENTS = 5
MARGIN = 1.05
"""The field of view, over the angle that the motion takes."""
CLEARER = 4
"""Samples a pixel, over those of a target."""
FINER = 2
"""Frames are so many times as large as those of the experiment."""
CELL, GAP, LEFT, TOP = 1.34, 0.04, 0.75, 0.1


def strip(look: Look, vertices: torch.Tensor, name: str) -> np.ndarray:
    """Return display pictures (5, S, S, 3) of moments of a motion (T, V, 3) [m], on white."""
    shown = vertices[spread_indices(len(vertices), MOMENTS)].double()
    frames = look.traced(
        shown,
        derive_seed("physics", "print", name),
        size=FINER * look.raster.size,
        spp=CLEARER * look.raster.spp,
        camera=closer(look.camera, shown),
        ground=look.ground,
    ).numpy()
    alpha = frames[..., 3:].clip(0.0, 1.0)
    return np.asarray(srgb_encode((frames[..., :3] + 1.0 - alpha).clip(0.0, 1.0)))


def closer(camera: Camera, vertices: torch.Tensor) -> Camera:
    """Return a camera at the same place that looks at the whole motion (T, V, 3) [m], and at little else."""
    points = vertices.reshape(-1, 3)
    middle = 0.5 * (points.min(dim=0).values + points.max(dim=0).values)
    reach = float((points - middle).norm(dim=1).max())
    away = float((middle - middle.new_tensor(camera.origin)).norm())
    angle = 2.0 * math.degrees(math.asin(min(reach / away, 0.8)))
    x, y, z = middle.tolist()
    return replace(camera, target=(x, y, z), fov_deg=MARGIN * angle)


def draw_prints(strips: Mapping[str, np.ndarray], tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw named strips below each other, and return their pictures."""
    import polars as pl

    note = captions.sentences(
        f"What was found from video, at {MOMENTS} moments from the start to the end, rendered by Mitsuba. Objects are the first of their job.",
        captions.tier_sentence(tier),
    )
    height = TOP + len(strips) * (CELL + GAP) + 0.05
    figure = style.new_figure(height + style.footnote_height(note))
    shown = []
    for row, (name, pictures) in enumerate(strips.items()):
        top = TOP + row * (CELL + GAP)
        text_at(figure, 0.02, top + CELL / 2, name.replace(" ", "\n", 1), fontsize=8)
        for column, picture in enumerate(pictures):
            picture_at(figure, (LEFT + column * (CELL + GAP), top, CELL, CELL), picture)
            shown.append({"row": name, "moment": column, "png": png_bytes(picture)})
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(shown)


def save_prints(strips: Mapping[str, np.ndarray], out_stem: Path | str, tier: str) -> Sequence[Path]:
    """Write the figure as `out_stem` + `.png`, `.pdf` and `.parquet`."""
    with style.look():
        figure, shown = draw_prints(strips, tier)
        return style.save_figure(figure, out_stem, shown)
