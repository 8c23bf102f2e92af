"""F4: loss over iterations, relative to its start, on logarithmic axes, mean and SD over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.papers.metamers.pictures import Pictures, footnote, models, places
from rerender.papers.metamers.runfiles import Expected, RunFiles
from rerender.reporting import style
from rerender.reporting.captions import Names
from rerender.reporting.grids import axes_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
COLUMNS = 3
PANEL = (2.05, 1.55)
LEFT, STEP_X, STEP_Y, TOP = 0.55, 2.55, 2.1, 0.3
BINS_PER_DECADE = 12


def bin_edges(last: int) -> Floats:
    """Return edges of the bins [e, next e) over iterations 1 … `last`: even on a log axis, none without one."""
    decades = np.log10(max(last, 2))
    edges = np.unique(np.round(np.logspace(0, decades, int(np.ceil(decades * BINS_PER_DECADE)) + 1)))
    return np.append(edges[(edges < last) | (edges == 1)], last + 1.0)


def bin_centres(edges: Floats) -> Floats:
    """Return the geometric mean of the first and the last iteration of each bin."""
    centres: Floats = np.sqrt(edges[:-1] * (edges[1:] - 1))
    return centres


def binned(iterations: Floats, values: Floats, edges: Floats) -> Floats:
    """Average the finite values in each bin; a bin without any is NaN."""
    index = np.digitize(iterations, edges) - 1
    means = np.full(len(edges) - 1, np.nan)
    for bin_number in range(len(means)):
        inside = values[(index == bin_number) & np.isfinite(values)]
        if len(inside):
            means[bin_number] = inside.mean()
    return means


def relative_curve(trace: pl.DataFrame, edges: Floats) -> Floats:
    """Return the binned loss of a run over its first binned value; NaN where it is not positive."""
    iterations = trace["iteration"].to_numpy().astype(np.float64) + 1
    losses = trace["loss"].fill_null(float("nan")).to_numpy().astype(np.float64)
    means = binned(iterations, losses, edges)
    first = means[np.isfinite(means)][0] if np.isfinite(means).any() else np.nan
    curve: Floats = means / first
    return np.where(curve > 0, curve, np.nan)


def curve_table(runs: Sequence[RunFiles]) -> pl.DataFrame:
    """Return mean, SD and count over seeds of the relative loss, one row a scene, light, model and bin."""
    import polars as pl

    records: list[dict[str, Any]] = []
    for scene, envmap in places(runs):
        here = [run for run in runs if (run.scene, run.envmap) == (scene, envmap)]
        traces = {run: Pictures(run).trace for run in here}
        edges = bin_edges(max(trace.height for trace in traces.values()))
        centres = bin_centres(edges)
        for model in models(here):
            found = [run for run in here if run.model == model]
            curves = np.stack([relative_curve(traces[run], edges) for run in found])
            about = {"family": found[0].family, "scene": scene, "envmap": envmap, "model": model}
            records += [{**about, **point} for point in _points(centres, curves)]
    return pl.DataFrame(records)


def _points(centres: Floats, curves: Floats) -> list[dict[str, Any]]:
    """Return the plotted points of one model: seeds are averaged where any of them has a value."""
    points = []
    for centre, column in zip(centres, curves.T, strict=True):
        values = column[np.isfinite(column)]
        if len(values):
            spread = float(values.std(ddof=1)) if len(values) > 1 else None
            point = {"iteration": float(centre), "relative_loss": float(values.mean())}
            points.append({**point, "sd": spread, "n": len(values)})
    return points


def draw_curves(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """F4: a panel a scene and light, a line a model; pixel baselines are dashed."""
    table = curve_table(runs)
    order = models(runs)
    families = list(dict.fromkeys(run.family for run in runs))
    note = footnote(
        tier,
        runs,
        expected,
        names,
        families,
        "Loss of the model that each run optimised, over its value at the first iteration, averaged in "
        "logarithmic bins; line: mean over seeds, band: ± 1 SD. Losses of different models fall at "
        "different rates by their nature. Bins whose mean is not positive (the dual buffer is unbiased and "
        "can be negative) are not drawn.",
    )
    panels = [
        (family, *place) for family in families for place in places([r for r in runs if r.family == family])
    ]
    rows = -(-len(panels) // COLUMNS)
    figure = style.new_figure(TOP + rows * STEP_Y + 0.2 + style.footnote_height(note))
    for index, (family, scene, envmap) in enumerate(panels):
        left, top = LEFT + index % COLUMNS * STEP_X, TOP + index // COLUMNS * STEP_Y
        axes = axes_at(figure, left, top, *PANEL)
        _draw_panel(axes, table, scene, envmap, order)
        light = f" · {names.envmap(envmap)}" if family == "geometry" else ""
        axes.set_title(f"{names.scene(scene)}{light}", fontsize=8, loc="left", weight="bold", pad=4)
        if index % COLUMNS == 0:
            axes.set_ylabel("loss / first loss")
        axes.set_xlabel("iteration", labelpad=1)
    _legend(figure, order, names, TOP + rows * STEP_Y - 0.12)
    style.add_footnote(figure, note)
    return figure, table


def _draw_panel(axes: Axes, table: pl.DataFrame, scene: str, envmap: str, order: Sequence[str]) -> None:
    """Draw the lines and bands of one scene and light."""
    import polars as pl

    here = table.filter((pl.col("scene") == scene) & (pl.col("envmap") == envmap))
    for model in order:
        line = here.filter(pl.col("model") == model).sort("iteration")
        if not line.height:
            continue
        x, mean = line["iteration"].to_numpy(), line["relative_loss"].to_numpy()
        spread = line["sd"].fill_null(0.0).to_numpy()
        colour = style.model_colour(model)
        axes.plot(x, mean, style.model_dashes(model), color=colour)
        axes.fill_between(
            x, np.maximum(mean - spread, mean * 0.05), mean + spread, color=colour, alpha=0.2, linewidth=0
        )
    axes.set(xscale="log", yscale="log")
    axes.grid(True, which="major", color="#e5e5e5", linewidth=0.5)


def _legend(figure: Figure, order: Sequence[str], names: Names, top: float) -> None:
    """Write the legend under the panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=style.model_colour(model),
            linestyle=style.model_dashes(model),
            label=names.model(model),
        )
        for model in order
    ]
    height = figure.get_size_inches()[1]
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1 - top / height), ncols=5, frameon=False
    )
