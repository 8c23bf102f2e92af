"""Figure 3: a motion as one picture, its moments blended, each in a colour of its own.

Columns are experiments, rows the first guess, what was found from video, and the truth or the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rerender.core.files import Tree
from rerender.papers.physics.control import ControlRequest
from rerender.papers.physics.looks import Look
from rerender.papers.physics.subjects import EstimateRequest, Subject
from rerender.papers.physics.videos import METHOD, WORLDS
from rerender.reporting import captions, style
from rerender.reporting.grids import picture_at, png_bytes, spread_indices, text_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

ROWS = ("first guess", "from video", "truth or goal")
MOMENTS = 6
"""Moments of a motion that are blended; more of them hide each other."""
COLOURS = "viridis"
CELL, GAP, LEFT, TOP = 1.32, 0.06, 0.75, 0.3

Reels = Mapping[str, torch.Tensor]
"""Row -> RGBA frames (T, S, S, 4)."""


def estimate_reels(
    request: EstimateRequest, subjects: Callable[[EstimateRequest], Iterable[Subject]], final: Tree
) -> Reels:
    """Return the motions of the first object of a finished job of estimates."""
    subject = next(iter(subjects(request)))
    found = final[subject.name]
    values = (found["guess"], found["estimates"][METHOD], None)
    return {row: subject.film(value) for row, value in zip(ROWS, values, strict=True)}


def control_reels(request: ControlRequest, final: Tree) -> Reels:
    """Return the motions of a finished job of control; the goal is one picture."""
    world = WORLDS[request.job.experiment](request)

    def film(name: str) -> torch.Tensor:
        with torch.no_grad():
            return world.look.film(torch.as_tensor(np.asarray(final["motions"][name], dtype=np.float32)))

    return dict(zip(ROWS, (film("start"), film(METHOD), world.target[None]), strict=True))


def estimate_motion(
    request: EstimateRequest, subjects: Callable[[EstimateRequest], Iterable[Subject]], final: Tree
) -> tuple[Look, torch.Tensor]:
    """Return what was found from video of the first object of a job of estimates: how it looks, and its vertices (T, V, 3) [m]."""
    subject = next(iter(subjects(request)))
    return subject.look, subject.motion(final[subject.name]["estimates"][METHOD])


def control_motion(request: ControlRequest, final: Tree) -> tuple[Look, torch.Tensor]:
    """Return the motion that was found from a picture of the goal, as `estimate_motion` does."""
    vertices = np.asarray(final["motions"][METHOD], dtype=np.float32)
    return WORLDS[request.job.experiment](request).look, torch.as_tensor(vertices)


def blend(video: torch.Tensor) -> np.ndarray:
    """Return one picture (S, S, 3) of RGBA frames (T, S, S, 4) on white: moments coloured by their time, mixed where they overlap.

    Of a face that is lit less, the colour is darker: luminance over alpha scales it.
    """
    from matplotlib import colormaps

    size = tuple(video.shape[1:3])
    mixed, weight, clear = np.zeros((*size, 3)), np.zeros((*size, 1)), np.ones((*size, 1))
    moments = [len(video) - 1] if len(video) == 1 else spread_indices(len(video), MOMENTS)
    for index in moments:
        time = index / max(len(video) - 1, 1)
        frame = video[index].double().numpy()
        alpha = frame[..., 3:].clip(0.0, 1.0)
        light = frame[..., :3].max(axis=-1, keepdims=True) / alpha.clip(1e-6)
        light = (light / max(float(light.max()), 1e-6)).clip(0.0, 1.0)
        colour = np.array(colormaps[COLOURS](0.9 * time if len(video) > 1 else 0.9)[:3]) * light
        mixed += alpha * (0.25 + 0.75 * colour)
        weight += alpha
        clear *= 1.0 - alpha
    return np.asarray(clear + (1.0 - clear) * mixed / weight.clip(1e-6))


def draw_sequences(columns: Mapping[str, Reels], tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw the figure of named columns, and return which moments are in it."""
    import polars as pl

    note = captions.sentences(
        f"Up to {MOMENTS} moments of a motion in one picture, from dark (early) to light (late). The truth, or of control the goal's picture "
        "alone. Objects are the first of their job, and pictures finer than what is compared.",
        captions.tier_sentence(tier),
    )
    height = TOP + len(ROWS) * (CELL + GAP) + 0.1
    figure = style.new_figure(height + style.footnote_height(note))
    shown: list[dict[str, Any]] = []
    for column, (title, reels) in enumerate(columns.items()):
        left = LEFT + column * (CELL + GAP)
        text_at(figure, left, TOP - 0.08, title, fontsize=8)
        for row, name in enumerate(ROWS):
            picture = blend(reels[name])
            picture_at(figure, (left, TOP + row * (CELL + GAP), CELL, CELL), picture)
            shown.append(
                {"column": title, "row": name, "frames": len(reels[name]), "png": png_bytes(picture)}
            )
    for row, name in enumerate(ROWS):
        text_at(figure, 0.02, TOP + row * (CELL + GAP) + CELL / 2, name, fontsize=8)
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(shown)


def save_sequences(columns: Mapping[str, Reels], out_stem: Path | str, tier: str) -> Sequence[Path]:
    """Write the figure as `out_stem` + `.png`, `.pdf` and `.parquet`."""
    with style.look():
        figure, shown = draw_sequences(columns, tier)
        return style.save_figure(figure, out_stem, shown)
