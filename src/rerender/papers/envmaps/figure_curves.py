"""The search over its steps: PSNR of the rendering and luminance term by representation, paper-like and stabilised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rerender.papers.envmaps.figure_files import Shown
from rerender.papers.envmaps.tables import MODE_TITLES
from rerender.reporting import style
from rerender.reporting.grids import axes_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

SHOWN: tuple[tuple[str, str, bool], ...] = (
    ("psnr", "PSNR of the rendering [dB]", False),
    ("luminance", "luminance term (Eq. 8)", True),
)

SMOOTHED = 15
"""Steps of the running median: at a constant rate, terms jump by orders from step to step."""


def draw_curves(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Mean over skies and seeds of each representation, one row of panels a way to optimise."""
    import polars as pl

    parts = [
        pl.read_parquet(run.trace).with_columns(
            mode=pl.lit(run.mode), envmap=pl.lit(run.envmap), seed=run.seed
        )
        for run in shown.files.runs
    ]
    frame = pl.concat(parts, how="diagonal_relaxed")
    modes = [mode for mode in shown.settings.inversion.modes if mode in set(frame["mode"])]
    means = (
        frame.group_by("mode", "representation", "iteration")
        .agg(*(pl.col(column).mean() for column, _, _ in SHOWN), runs=pl.len())
        .sort("mode", "representation", "iteration")
    )
    note = shown.note(
        f"{shown.names.scene(shown.files.runs[0].scene)}. Means over skies and seeds (faint), and their running median over {SMOOTHED} "
        "steps. The luminance term is the squared relative change of the map's total luminance."
    )
    height = 2.1
    head = 0.4
    figure = style.new_figure(head + height * len(modes) + 0.1 + style.footnote_height(note))
    for line, mode in enumerate(modes):
        for index, (column, title, logarithmic) in enumerate(SHOWN):
            axes = axes_at(figure, 0.6 + index * 3.9, head + 0.3 + line * height, 3.2, height - 0.75)
            for name in dict.fromkeys(cell.representation for cell in shown.expected):
                part = means.filter((pl.col("mode") == mode) & (pl.col("representation") == name))
                if part.height:
                    colour, steps = style.model_colour(name), part["iteration"]
                    smooth = part[column].rolling_median(SMOOTHED, min_samples=1, center=True)
                    axes.plot(steps, part[column], lw=0.5, alpha=0.25, color=colour)
                    axes.plot(steps, smooth, lw=1.1, color=colour, label=shown.names.model(name))
            if logarithmic:
                axes.set_yscale("log")
                axes.set_ylim(bottom=1e-7)
            axes.set(xlabel="step", ylabel=title)
            axes.set_title(MODE_TITLES[mode], fontsize=8)
            if index == 1 and line == 0:
                figure.legend(
                    *axes.get_legend_handles_labels(), loc="upper center", frameon=False, fontsize=6, ncols=4
                )
    style.add_footnote(figure, note)
    return figure, means
