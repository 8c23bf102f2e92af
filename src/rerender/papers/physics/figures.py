"""Figures of ∇Sim. Figure 2: the loss over the mass, for four choices of frames, with the published curve's points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.core.errors import unknown_name
from rerender.papers.physics.landscape import COMPARED, SELECTIONS, TRUE_MASS, metric_name
from rerender.reporting import captions, style
from rerender.reporting.grids import axes_at
from rerender.reporting.published import load_published, published_value

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

TITLES: Mapping[str, str] = {
    "all": "all frames",
    "every5": "every fifth frame",
    "first_mid": "first and middle frame",
    "first_last": "first and last frame",
}
COLOURS = ("#0072B2", "#009E73", "#E69F00", "#D55E00")


def draw_landscape(curves: Path, published: Path, tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw Figure 2: our curves as lines, the published ones as points."""
    import polars as pl

    frame = pl.read_parquet(curves)
    tables = load_published(published)
    note = captions.sentences(
        "Mean squared error between the video of a cube of vertex mass m and that of 1 kg (star), each curve divided by its maximum. "
        "Lines are ours, points are read from the published curve.",
        captions.tier_sentence(tier),
    )
    height = 3.2
    figure = style.new_figure(height + 0.2 + style.footnote_height(note))
    axes = axes_at(figure, 0.7, 0.25, 6.9, height - 0.8)
    parts = []
    for (name, title), colour in zip(TITLES.items(), COLOURS, strict=True):
        axes.plot(frame["mass"], frame[name], color=colour, label=title)
        points = [published_value(tables, "fig2", name, metric_name(mass)) for mass in COMPARED]
        axes.plot(np.array(COMPARED), np.array(points, dtype=float), "o", ms=3.5, color=colour, mfc="none")
        parts.append(
            frame.select("mass", curve=pl.lit(name), loss=name).join(
                pl.DataFrame({"mass": COMPARED, "published": points}), on="mass", how="left"
            )
        )
    axes.plot([TRUE_MASS], [0.0], "*", ms=9, color="black")
    axes.set(xlabel="mass of a vertex [kg]", ylabel="loss / maximum", ylim=(-0.03, 1.05))
    axes.legend(frameon=False)
    style.add_footnote(figure, note)
    return figure, pl.concat(parts)


DRAWERS: Mapping[str, Callable[[Path, Path, str], tuple[Figure, pl.DataFrame]]] = {"fig2": draw_landscape}
assert tuple(TITLES) == tuple(SELECTIONS)


def make_figure(
    figure_id: str, curves: Path, published: Path, out_stem: Path | str, *, tier: str
) -> tuple[Path, Path, Path]:
    """Draw a figure of `DRAWERS` and write `out_stem` + `.png`, `.pdf`, `.parquet`."""
    if figure_id not in DRAWERS:
        raise unknown_name("physics figure", figure_id, DRAWERS)
    with style.look():
        figure, data = DRAWERS[figure_id](curves, published, tier)
        return style.save_figure(figure, out_stem, data)
