"""Figures F1 to F6 and S1 to S6 of the metamers paper (fact sheet, section 8.3).

`make_figure` is the entry: finished runs in; `.png`, `.pdf` and the plotted data as `.parquet` out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.errors import UserError, unknown_name
from rerender.papers.metamers import (
    figure_classes,
    figure_curves,
    figure_errors,
    figure_galleries,
    figure_overview,
    figure_shapes,
    figure_statistics,
)
from rerender.papers.metamers.runfiles import Expected, RunFiles
from rerender.reporting import style
from rerender.reporting.captions import Names

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

Drawer = Callable[[Sequence[RunFiles], str, Sequence[Expected], Names], "tuple[Figure, pl.DataFrame]"]

DRAWERS: Mapping[str, Drawer] = {
    "f1": figure_overview.draw_overview,
    "f2": figure_galleries.draw_geometry,
    "f3": figure_galleries.draw_material,
    "f4": figure_curves.draw_curves,
    "f5": figure_statistics.draw_distributions,
    "f6": figure_statistics.draw_representations,
    "s1": figure_errors.draw_errors,
    "s2": figure_shapes.draw_forward_gradients,
    "s3": figure_classes.draw_classes,
    "s4": figure_errors.draw_slices,
    "s5": figure_shapes.draw_diagnostics,
    "s6": figure_shapes.draw_lights,
}
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "f1": ("geometry", "material"),
    "f2": ("geometry",),
    "f3": ("material",),
    "f4": ("geometry", "material"),
    "f5": ("geometry", "material"),
    "f6": ("geometry", "material"),
    "s1": ("geometry", "material"),
    "s2": ("geometry",),
    "s3": ("geometry",),
    "s4": ("material",),
    "s5": ("geometry",),
    "s6": ("geometry",),
}
"""The families whose runs a figure needs."""


def make_figure(
    figure_id: str,
    runs: Iterable[RunFiles],
    out_stem: Path | str,
    *,
    tier: str,
    expected: Iterable[Expected] = (),
    names: Names | None = None,
) -> tuple[Path, Path, Path]:
    """Draw the figure `figure_id` and write `out_stem` + `.png`, `.pdf`, `.parquet`.

    `runs` are finished runs in grid order, each with views, frames, trace and metrics; runs of families that
    the figure does not show are ignored. `expected` is the whole grid, to say which models are blocked; without
    `names` ids are printed.
    """
    if figure_id not in DRAWERS:
        raise unknown_name("metamers figure", figure_id, DRAWERS)
    shown = [run for run in runs if run.family in FAMILIES[figure_id]]
    if not shown:
        raise UserError(
            f"figure {figure_id} has no finished run to show",
            "Every model may be blocked: add one that needs no weights, such as mae or ssim.",
        )
    with style.look():
        figure, data = DRAWERS[figure_id](shown, tier, tuple(expected), names or Names())
        return style.save_figure(figure, out_stem, data)
