"""F4: loss and similarity of every run's own model over iterations, on logarithmic axes, mean and SD over seeds.

Loss is divided by its first value. The similarity gap is (ceiling − s) / (ceiling − start), one minus the
normalised similarity of the tables: 1 is the start, 0 is the target rendered again with another seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
PAIRS = 2
PANEL = (1.37, 1.4)
LEFT, STEP_X, STEP_Y, TOP = 0.53, 1.97, 1.95, 0.3
BINS_PER_DECADE = 7
QUANTITIES: Mapping[str, str] = {"loss": "loss / first loss", "gap": "similarity gap"}


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


def _column(trace: pl.DataFrame, name: str) -> Floats:
    values: Floats = trace[name].cast(float).fill_null(float("nan")).to_numpy()
    return values


def _positive(curve: Floats) -> Floats:
    """Replace what a logarithmic axis cannot show by NaN."""
    return np.where(np.isfinite(curve) & (curve > 0), curve, np.nan)


def relative_loss(trace: pl.DataFrame, edges: Floats) -> Floats:
    """Return the binned loss of a run over its first binned value; NaN where it is not positive."""
    means = binned(_column(trace, "iteration") + 1, _column(trace, "loss"), edges)
    finite = means[np.isfinite(means)]
    return _positive(means / (finite[0] if len(finite) else np.nan))


def similarity_gap(trace: pl.DataFrame, edges: Floats, start: float | None, ceiling: float | None) -> Floats:
    """Return the binned similarity gap of a run; all NaN without a similarity or its references."""
    if "similarity" not in trace.columns or start is None or ceiling is None or ceiling <= start:
        return np.full(len(edges) - 1, np.nan)
    means = binned(_column(trace, "iteration") + 1, _column(trace, "similarity"), edges)
    return _positive((ceiling - means) / (ceiling - start))


def _run_curves(run: RunFiles, edges: Floats) -> dict[str, Floats]:
    """Return the curves of one run by quantity."""
    pictures = Pictures(run)
    start, ceiling = (pictures.values.get(f"similarity_{name}/{run.model}") for name in ("start", "ceiling"))
    gap = similarity_gap(pictures.trace, edges, start, ceiling)
    return {"loss": relative_loss(pictures.trace, edges), "gap": gap}


def curve_table(runs: Sequence[RunFiles]) -> pl.DataFrame:
    """Return mean, SD and count over seeds; one row a scene, light, model, quantity and bin."""
    import polars as pl

    records: list[dict[str, Any]] = []
    for scene, envmap in places(runs):
        here = [run for run in runs if (run.scene, run.envmap) == (scene, envmap)]
        edges = bin_edges(max(Pictures(run).trace.height for run in here))
        for model in models(here):
            curves = [_run_curves(run, edges) for run in here if run.model == model]
            for quantity in QUANTITIES:
                about = {"scene": scene, "envmap": envmap, "model": model, "quantity": quantity}
                stacked = np.stack([curve[quantity] for curve in curves])
                records += [{**about, **point} for point in _points(bin_centres(edges), stacked)]
    schema = {"sd": pl.Float64}
    return pl.DataFrame(records, schema_overrides=schema, infer_schema_length=None)


def _points(centres: Floats, curves: Floats) -> list[dict[str, Any]]:
    """Return the plotted points of one model: seeds are averaged where any of them has a value."""
    points = []
    for centre, column in zip(centres, curves.T, strict=True):
        values = column[np.isfinite(column)]
        if len(values):
            spread = float(values.std(ddof=1)) if len(values) > 1 else None
            point = {"iteration": float(centre), "mean": float(values.mean())}
            points.append({**point, "sd": spread, "n": len(values)})
    return points


def draw_curves(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """F4: two panels a scene and light, a line a model; pixel baselines are broken lines."""
    table = curve_table(runs)
    order = models(runs)
    note = footnote(
        tier,
        runs,
        expected,
        names,
        list(dict.fromkeys(run.family for run in runs)),
        "Loss and similarity of the model that each run optimised, measured on the noisy renders of the "
        "optimisation and averaged in logarithmic bins. Similarity gap: one minus normalised similarity. "
        "Line: mean over seeds; band: ± 1 SD. Losses of different models fall at different rates by their "
        "nature. Bins whose mean is not positive (the dual buffer is unbiased and can be negative) are not "
        "drawn, nor is the gap of a model that gives no similarity. Where more samples a step are set for the end of "
        "a fit, the curves of noisy losses fall there because the noise does.",
    )
    panels = [(run.family, run.scene, run.envmap) for run in runs]
    panels = list(dict.fromkeys(panels))
    rows = -(-len(panels) // PAIRS)
    figure = style.new_figure(TOP + rows * STEP_Y + 0.2 + style.footnote_height(note))
    for index, (family, scene, envmap) in enumerate(panels):
        light = f" · {names.envmap(envmap)}" if family == "geometry" else ""
        for column, (quantity, title) in enumerate(QUANTITIES.items()):
            left = LEFT + (index % PAIRS * len(QUANTITIES) + column) * STEP_X
            axes = axes_at(figure, left, TOP + index // PAIRS * STEP_Y, *PANEL)
            _draw_panel(axes, table, (scene, envmap, quantity), order)
            axes.set_ylabel(title, labelpad=1)
            axes.set_xlabel("iteration", labelpad=1)
            if column == 0:
                axes.set_title(f"{names.scene(scene)}{light}", fontsize=8, loc="left", weight="bold", pad=4)
    draw_legend(figure, order, names, TOP + rows * STEP_Y - 0.12)
    style.add_footnote(figure, note)
    return figure, table


def _draw_panel(axes: Axes, table: pl.DataFrame, panel: tuple[str, str, str], order: Sequence[str]) -> None:
    """Draw the lines and bands of one scene, light and quantity."""
    import polars as pl

    scene, envmap, quantity = panel
    here = table.filter(pl.col("scene") == scene, pl.col("envmap") == envmap, pl.col("quantity") == quantity)
    for model in order:
        line = here.filter(pl.col("model") == model).sort("iteration")
        if not line.height:
            continue
        x, mean = line["iteration"].to_numpy(), line["mean"].to_numpy()
        spread = line["sd"].fill_null(0.0).to_numpy()
        colour = style.model_colour(model)
        axes.plot(x, mean, style.model_dashes(model), color=colour)
        low = np.maximum(mean - spread, mean * 0.05)
        axes.fill_between(x, low, mean + spread, color=colour, alpha=0.2, linewidth=0)
    if not here.height:
        axes.text(0.5, 0.5, "no similarity", ha="center", color="#777777", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    axes.set(xscale="log", yscale="log")
    plain_ticks(axes)
    axes.grid(True, which="major", color="#e5e5e5", linewidth=0.5)


def plain_ticks(axes: Axes) -> None:
    """Write the ticks of both logarithmic axes as plain numbers."""
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        plain_log_ticks(axis, limits)


def plain_log_ticks(axis: Axis, limits: tuple[float, float]) -> None:
    """Write 0.1, 0.2, 0.5 instead of powers; where an axis spans many decades, whole decades only."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = np.log10(limits[1] / limits[0])
    steps = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0) if decades < 0.6 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=steps if decades < 1.7 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_legend(figure: Figure, order: Sequence[str], names: Names, top: float) -> None:
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
