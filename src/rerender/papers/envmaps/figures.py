"""Figures 1 to 13 of the envmaps paper, and the curves of the search.

`make_figure` is the entry: skies, fits, finished runs and metrics in; `.png`, `.pdf` and the plotted data out. Figures 4 and 5
are about fits, 6 to 8 and 10 are galleries, 9 is both gallery and curves, 1 and 11 to 13 are edits, 2 and 3 are drawings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.errors import unknown_name
from rerender.papers.envmaps import (
    figure_curves,
    figure_edits,
    figure_fits,
    figure_galleries,
    figure_overview,
)
from rerender.papers.envmaps.figure_files import FigureFiles as FigureFiles
from rerender.papers.envmaps.figure_files import Shown
from rerender.papers.envmaps.runfiles import Expected
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.reporting import style
from rerender.reporting.captions import Names

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

DRAWERS: Mapping[str, Callable[[Shown], tuple[Figure, pl.DataFrame]]] = {
    "fig1": figure_edits.draw_teaser,
    "fig2": figure_overview.draw_overview,
    "fig3": figure_overview.draw_place,
    "fig4": figure_fits.draw_range,
    "fig5": figure_fits.draw_noise,
    "fig6": figure_galleries.draw_rows,
    "fig7": figure_galleries.draw_rows,
    "fig8": figure_galleries.draw_reflections,
    "fig9": figure_galleries.draw_roughness,
    "fig10": figure_galleries.draw_rows,
    "fig11": figure_edits.draw_ablation,
    "fig12": figure_edits.draw_limitation,
    "fig13": figure_edits.draw_edits,
    "curves": figure_curves.draw_curves,
}


def make_figure(
    figure_id: str,
    files: FigureFiles,
    out_stem: Path | str,
    *,
    tier: str,
    settings: EnvmapsSettings,
    expected: Iterable[Expected],
    names: Names | None = None,
) -> tuple[Path, Path, Path]:
    """Draw a figure of `DRAWERS` and write `out_stem` + `.png`, `.pdf`, `.parquet`; without `names` ids are printed."""
    if figure_id not in DRAWERS:
        raise unknown_name("envmaps figure", figure_id, DRAWERS)
    shown = Shown(files, tier, settings, tuple(expected), names or Names())
    with style.look():
        figure, data = DRAWERS[figure_id](shown)
        return style.save_figure(figure, out_stem, data)
