"""Pictures of the demos: the figure of the shape that DIB-R finds, and videos of truth, first guess and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl
import torch

from rerender.core.files import Tree
from rerender.papers.physics.demo_motions import motion_subjects
from rerender.papers.physics.demo_shape import MASS, TRUE_MASS, VERTICES, Pushed, values_of
from rerender.papers.physics.demo_specs import SHAPE, SMOKE, DemoSettings, ShapeSettings
from rerender.papers.physics.grid import Job
from rerender.papers.physics.looks import display_size, for_display
from rerender.papers.physics.specs import RasterSettings
from rerender.papers.physics.videos import estimate_frames, pictures, side_by_side
from rerender.reporting import captions, style
from rerender.reporting.grids import axes_at, picture_at, spread_indices, text_at
from rerender.reporting.videos import Frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS: Mapping[str, str] = {
    "truth": "truth",
    "guess": "first guess",
    "mass": "mass found,\nstill a sphere",
    "found": "mass and\nshape found",
}
SHOWN, VIDEO_FRAMES = 6, 45
CELL, GAP, LEFT, TOP = 0.86, 0.04, 0.78, 0.12
COLOUR = "#0072B2"


class Demos(Protocol):
    """What the demos' motions were made from."""

    @property
    def settings(self) -> DemoSettings: ...

    @property
    def raster(self) -> RasterSettings: ...

    @property
    def job(self) -> Job: ...

    @property
    def tier(self) -> str: ...


def motion_frames(request: Demos, final: Tree) -> Iterator[Frame]:
    """Yield the frames of pendula and ball, one after the other."""
    raster = for_display(request.raster)
    for asked, subject in motion_subjects(request.settings, raster, request.job, request.tier):
        yield from estimate_frames(asked, [subject], final)


def smoke_frames(final: Tree) -> Iterator[Frame]:
    """Yield the smoke that the found flow carries, beside where it shall be."""
    smoke = 1.0 - np.asarray(final[SMOKE]["smoke"], dtype=np.float32)
    goal = 1.0 - np.asarray(final[SMOKE]["target"], dtype=np.float32)
    seen = torch.as_tensor(np.repeat(smoke[..., None], 3, axis=-1))
    wanted = torch.as_tensor(np.repeat(goal[None, ..., None], 3, axis=-1)).expand_as(seen)
    yield from side_by_side("smoke", {"goal": pictures(wanted), "flow that was found": pictures(seen)})


def shape_frames(settings: ShapeSettings, final: Tree) -> Iterator[Frame]:
    """Yield the body's motion: truth, first guess and what was found."""
    films = _films(settings, final, ("truth", "guess", "found"), VIDEO_FRAMES)
    titles = {"truth": "truth", "guess": "first guess", "found": "from video"}
    reels = {
        f"{title}: {float(final[SHAPE][name][MASS]):.3f} kg": pictures(films[name])
        for name, title in titles.items()
    }
    yield from side_by_side("apple, by DIB-R", reels)


def draw_shape(
    settings: ShapeSettings, final: Tree, trace: pl.DataFrame, tier: str
) -> tuple[Figure, pl.DataFrame]:
    """Draw the frames of every stage, and mass and loss over the iterations; return the curves."""
    note = captions.sentences(
        "A body of unknown mass and shape turns and is pushed by a known force; its video is all that is given. The search begins with a sphere, "
        "finds the mass, and then mass and vertices together, through DIB-R, simulation and moment of inertia. "
        f"{SHOWN} of the {settings.frames} frames that are compared; the dotted line is where vertices join in, and the loss the weight of smoothness. Pictures are finer than what is compared.",
        captions.tier_sentence(tier),
    )
    height = TOP + len(ROWS) * (CELL + GAP) + 0.25
    figure = style.new_figure(height + style.footnote_height(note))
    shown = spread_indices(settings.frames, min(SHOWN, settings.frames))
    films = _films(settings, final, tuple(ROWS), settings.frames)
    part = _middle(films)
    for row, (name, film) in enumerate(films.items()):
        top = TOP + row * (CELL + GAP)
        text_at(figure, 0.02, top + CELL / 2, ROWS[name], fontsize=8, va="center")
        for column, index in enumerate(shown):
            picture = film[index, part, part, :3].numpy().clip(0.0, 1.0)
            picture_at(figure, (LEFT + column * (CELL + GAP), top, CELL, CELL), picture)
    curves = _curves(trace)
    left = LEFT + SHOWN * (CELL + GAP) + 0.5
    tops = (TOP, TOP + (len(ROWS) * (CELL + GAP)) / 2 + 0.1)
    panels = [axes_at(figure, left, top, 7.9 - left, 1.35) for top in tops]
    joined = float(curves.filter(stage=MASS)["step"].to_numpy().max()) + 0.5
    for axes, quantity, unit in zip(panels, ("mass", "loss"), (" [kg]", ""), strict=True):
        axes.plot(curves["step"], curves[quantity], color=COLOUR)
        axes.axvline(joined, color="#888888", lw=0.8, ls=":")
        axes.set(ylabel=f"{quantity}{unit}")
    panels[0].axhline(TRUE_MASS, color="black", lw=0.8, ls="--")
    panels[0].set(xticklabels=[])
    panels[1].set(yscale="log", xlabel="iteration")
    style.add_footnote(figure, note)
    return figure, curves


def save_shape_figure(
    settings: ShapeSettings, final: Tree, trace: pl.DataFrame, out_stem: Path | str, tier: str
) -> Sequence[Path]:
    """Write the figure as `out_stem` + `.png`, `.pdf` and `.parquet`."""
    with style.look():
        figure, curves = draw_shape(settings, final, trace, tier)
        return style.save_figure(figure, out_stem, curves)


def _curves(trace: pl.DataFrame) -> pl.DataFrame:
    """Return `step`, `stage`, `mass` [kg] and `loss` of the search, its stages one after the other."""
    own = trace.filter(scene=SHAPE).with_columns(pl.col("mass").exp())
    stages = [own.filter(stage=stage).sort("iteration") for stage in (MASS, VERTICES)]
    return pl.concat(stages).with_row_index("step").select("step", "stage", "mass", "loss")


def _middle(films: Mapping[str, torch.Tensor]) -> slice:
    """Return the rows, and columns, of the square about the picture's middle that shows all of every film."""
    seen = torch.stack([film[..., 3].amax(dim=0) for film in films.values()]).amax(dim=0) > 0.5
    size = len(seen)
    places = seen.nonzero()
    reach = int((places - (size - 1) / 2).abs().max().ceil()) if len(places) else size // 2
    margin = min(size // 2, reach + size // 32)
    return slice(size // 2 - margin, size // 2 + margin)


def _films(
    settings: ShapeSettings, final: Tree, names: Sequence[str], frames: int
) -> dict[str, torch.Tensor]:
    """Return RGBA frames (frames, S, S, 4) of named states of the body, finer than those that are compared."""
    thing = Pushed(settings.model_copy(update={"size": display_size(settings.size)}))
    with torch.no_grad():
        return {name: thing.film(values_of(final[SHAPE][name]), frames) for name in names}
