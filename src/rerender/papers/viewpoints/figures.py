"""The figures of viewpoints: basins of attraction, convergence, and pictures of starts, results and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.core.errors import UserError, unknown_name
from rerender.core.files import Tree, load_tree
from rerender.core.orbits import Orbit, view_angle
from rerender.papers.viewpoints.grid import Job
from rerender.papers.viewpoints.methods import EXACT_DEGREES, LEVELS, METHODS, PREDICTIONS, VIEW_SETS
from rerender.papers.viewpoints.results import Results, results_of
from rerender.papers.viewpoints.settings import ViewpointsSettings
from rerender.reporting import captions, style
from rerender.reporting.captions import Names
from rerender.reporting.grids import (
    axes_at,
    colour_error,
    error_bar,
    error_map,
    picture_at,
    png_bytes,
    text_at,
)
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import mean_cell, t_interval

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

PANEL = (3.25, 1.35)
FLOOR_DEGREES = 1e-3
LEAST: Mapping[str, float] = {"jacobians": 1.0, "cpu_s": 0.05}
"""Where the logarithmic axes of convergence begin."""
TICKS = 40
MARKERS = "os^DvP"
BASIN_DEGREES = 1.0
"""A search at the first picture size counts as in the basin if it ends this near; further sizes do the rest."""


@dataclass(frozen=True)
class Shown:
    """A figure's material: files of jobs in the order of the grid, the tier, its settings, and names."""

    files: Sequence[tuple[Job, Path]]
    basins: Path | None
    metrics: Path | None
    tier: str
    settings: ViewpointsSettings
    names: Names

    def note(self, text: str) -> str:
        """Return a footnote with the tier."""
        return captions.sentences(text, captions.tier_sentence(self.tier))


def make_figure(figure_id: str, shown: Shown, out_stem: Path | str) -> tuple[Path, Path, Path]:
    """Draw a figure of `DRAWERS` and write `out_stem` + `.png`, `.pdf`, `.parquet`."""
    if figure_id not in DRAWERS:
        raise unknown_name("viewpoints figure", figure_id, DRAWERS)
    with style.look():
        figure, data = DRAWERS[figure_id](shown)
        return style.save_figure(figure, out_stem, data)


def draw_basins(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """The angle that is left, by start, for every method; and the loss over azimuth and elevation, by blur."""
    import polars as pl

    if shown.basins is None:
        raise UserError("there are no basins to draw", "Ask for the file by its name.")
    tree: Tree = load_tree(shown.basins)
    note = shown.note(
        "Above: starts at the camera's own distance, over azimuth and elevation (camera: cross), coloured by the angle between the view "
        f"that the search ended with and the true one; green squares end within {BASIN_DEGREES:g} degree, from pictures of the first size only. "
        "Below: the mean squared error over the same cameras, by the blur of the pictures, each on its own scale."
    )
    methods, blurs = list(tree["angle"]), list(tree["losses"])
    rows = [-(-len(methods) // 2), -(-len(blurs) // 3)]
    head = 0.1
    height = head + 2.15 * rows[0] + 1.75 * rows[1] + style.footnote_height(note)
    figure = style.new_figure(height)
    for index, name in enumerate(methods):
        axes = axes_at(figure, 0.55 + 3.9 * (index % 2), head + 0.25 + 2.15 * (index // 2), *PANEL)
        image = axes.pcolormesh(
            tree["azimuths"],
            tree["elevations"],
            np.maximum(tree["angle"][name], FLOOR_DEGREES),
            cmap="inferno",
            norm=_log(),
        )
        good = tree["angle"][name] < BASIN_DEGREES
        e, a = np.nonzero(good)
        axes.plot(
            tree["azimuths"][a], tree["elevations"][e], "s", ms=4, color="#2ca02c", mec="white", mew=0.4
        )
        axes.plot(*tree["truth"], "x", color="#00bfff", ms=9, mew=1.6)
        axes.set(
            xlabel="azimuth [deg]",
            ylabel="elevation [deg]" if index % 2 == 0 else "",
            yticks=tree["elevations"].round(),
        )
        axes.set_title(f"{METHODS[name].title}: {good.mean():.0%} of starts", fontsize=8)
        if index == len(methods) - 1 or index % 2:
            figure.colorbar(image, ax=axes, label="angle left [deg]", pad=0.02)
    top = head + 2.15 * rows[0]
    for index, blur in enumerate(blurs):
        axes = axes_at(figure, 0.55 + 2.55 * (index % 3), top + 0.3 + 1.75 * (index // 3), 2.05, 1.0)
        axes.pcolormesh(
            tree["slice_azimuths"], tree["slice_elevations"], tree["losses"][blur], cmap="viridis"
        )
        axes.plot(*tree["truth"], "x", color="white", ms=6, mew=1.4)
        axes.set(xlabel="azimuth [deg]", ylabel="elevation [deg]" if index % 3 == 0 else "")
        axes.set_title(f"loss, blur {blur} px", fontsize=8)
    style.add_footnote(figure, note)
    records = [
        {
            "method": name,
            "azimuth": float(a),
            "elevation": float(e),
            "angle": float(tree["angle"][name][row, column]),
        }
        for name in methods
        for row, e in enumerate(tree["elevations"])
        for column, a in enumerate(tree["azimuths"])
    ]
    return figure, pl.DataFrame(records)


def draw_convergence(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Median over starts of the angle that is left, over derivatives and over CPU seconds."""
    import polars as pl

    first = shown.settings.scenes.all[0]
    files = [(job, path) for job, path in shown.files if job.scene == first and job.experiment == "near"]
    note = shown.note(
        f"{shown.names.scene(first)}, starts {LEVELS['near'].title}: the angle between the view direction and the true one, median over "
        "starts with the middle half shaded; the best so far is not kept, each method's own present camera is shown. Searches that ended "
        "stay where they are. Left over pictures with derivatives (Nelder-Mead has none), right over CPU time of one thread."
    )
    figure = style.new_figure(0.35 + 2.75 + style.footnote_height(note))
    panels = (("jacobians", "pictures with derivatives"), ("cpu_s", "CPU time [s]"))
    parts = []
    for index, (column, title) in enumerate(panels):
        axes = axes_at(figure, 0.6 + 3.95 * index, 0.6, 3.2, 2.05)
        for job, path in files:
            trace = pl.read_parquet(path)
            if column == "jacobians" and METHODS[job.method].gradient == "none":
                continue
            least = LEAST[column]
            ticks = np.geomspace(least, max(2.0 * least, float(trace[column].to_numpy().max())), TICKS)
            curves = np.stack([_held(case, column, ticks) for case in trace.partition_by("case")])
            low, middle, high = np.percentile(np.maximum(curves, FLOOR_DEGREES), (25, 50, 75), axis=0)
            colour = style.model_colour(job.method)
            axes.plot(ticks, middle, color=colour, lw=1.2, label=METHODS[job.method].title)
            axes.fill_between(ticks, low, high, color=colour, alpha=0.15, lw=0)
            parts.append(
                pl.DataFrame(
                    {
                        "method": [job.method] * len(ticks),
                        "over": [column] * len(ticks),
                        "at": ticks,
                        "median": middle,
                        "q25": low,
                        "q75": high,
                    }
                )
            )
        axes.axhline(EXACT_DEGREES, color="#888888", lw=0.6, ls=":")
        axes.set(xscale="log", yscale="log", xlabel=title, ylabel="angle left [deg]" if index == 0 else "")
        if index == 1:
            figure.legend(
                *axes.get_legend_handles_labels(), loc="upper center", frameon=False, fontsize=6, ncols=4
            )
    style.add_footnote(figure, note)
    return figure, pl.concat(parts)


def _held(case: pl.DataFrame, column: str, ticks: np.ndarray) -> np.ndarray:
    """Return the angle at each tick: that of the last step before it."""
    at, angle = case[column].to_numpy(), case["angle"].to_numpy()
    # a row's cost includes its own picture, and its camera is the one that picture was taken with
    index = np.searchsorted(at, ticks, side="right") - 1
    return np.asarray(angle[np.clip(index, 0, len(angle) - 1)])


def draw_matches(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Start, result, target and error of named runs, a row a run and method."""
    import polars as pl

    runs = [(job, path) for job, path in shown.files if job.experiment in shown.settings.runs]
    note = shown.note(
        "Pictures of the last size of the search, cut to what start, result and target show; beside: the angle between the found view direction and "
        "the target's. Errors: mean absolute difference of display values."
    )
    cell, gap, left = 1.45, 0.08, 1.55
    figure = style.new_figure(0.3 + len(runs) * (cell + gap) + 0.4 + style.footnote_height(note))
    records = []
    for row, (job, path) in enumerate(runs):
        tree = load_tree(path)
        found = tree["pictures"]
        top = 0.3 + row * (cell + gap)
        titles = {"start": "start", "found": "found", "target": "target", "error": "error"}
        window = _window(list(found.values()))
        clean = {name: np.clip(picture[window], 0.0, 1.0) for name, picture in found.items()}
        angle = view_angle(*(Orbit(*tree[name][0].tolist()) for name in ("found", "truth")))
        clean["error"] = colour_error(error_map(clean["found"], clean["target"]))
        text_at(
            figure,
            0.1,
            top + cell / 2,
            f"{job.experiment}\n{METHODS[job.method].title}\n{angle:.3f}° off",
            fontsize=7,
            va="center",
        )
        for column, (name, title) in enumerate(titles.items()):
            place = (left + column * (cell + gap), top, cell, cell)
            picture_at(figure, place, clean[name])
            if row == 0:
                text_at(figure, place[0] + cell / 2, 0.22, title, fontsize=8, ha="center")
            records.append(
                {"run": job.experiment, "method": job.method, "picture": name, "png": png_bytes(clean[name])}
            )
    error_bar(figure, (left + 3 * (cell + gap), 0.3 + len(runs) * (cell + gap) + 0.02, cell, 0.08), "error")
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def _window(pictures: Sequence[np.ndarray]) -> tuple[slice, slice]:
    """Return the smallest square, with a margin, outside which all pictures (H, W, 3) show the white background."""
    drawn = np.any([(picture < 0.99).any(axis=-1) for picture in pictures], axis=0)
    if not drawn.any():
        return slice(None), slice(None)
    ends = [np.flatnonzero(drawn.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    side = min(int(1.1 * max(np.ptp(one) for one in ends)) + 2, *drawn.shape)
    starts = [
        int(np.clip(one.mean() - side / 2, 0, size - side))
        for one, size in zip(ends, drawn.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def draw_views(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """3-D mIoU and the share of a segment that is seen, over the number of views; a line a set of views, an interval over rooms."""
    preset = shown.settings.views
    note = shown.note(
        f"Mean over {len(preset.segments)} segments and {preset.rooms} rooms, with the 95% t-interval over rooms. True masks of the views are projected back "
        "and vote on the faces that they see; left their IoU with the segment by area, right the share of the segment that some view sees."
    )
    found = _results(shown).views
    lines = {
        column: {
            title: {count: found.get((name, count), {}).get(column, []) for count in preset.counts}
            for name, title in VIEW_SETS.items()
        }
        for column in ("iou", "visible")
    }
    return _over_counts(lines, {"iou": "3-D mIoU", "visible": "segment seen"}, "views", note)


def draw_predictor(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """The score of proposed views over the number of pictures that were looked at."""
    preset = shown.settings.predictor
    note = shown.note(
        f"Mean over segments and {preset.held_out_rooms} rooms that the predictor never saw, with the 95% t-interval over rooms. A proposal is refined with "
        "the pictures; the grid and the whole search have theirs as their cost. The highest score is 1.6."
    )
    lines: dict[str, dict[int, Sequence[float]]] = {}
    for (name, pictures), values in sorted(_results(shown).predictions.items()):
        lines.setdefault(PREDICTIONS[name], {})[pictures] = values
    return _over_counts(
        {"score": lines}, {"score": "score of the view"}, "pictures that were looked at", note
    )


def _results(shown: Shown) -> Results:
    if shown.metrics is None:
        raise UserError("there are no metric rows to draw", "Ask for the file by its name.")
    return results_of(read_metrics(shown.metrics), shown.tier)


def _over_counts(
    panels: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]],
    titles: Mapping[str, str],
    across: str,
    note: str,
) -> tuple[Figure, pl.DataFrame]:
    """Draw mean and interval of values over a count, a panel a column and a line a title."""
    import polars as pl

    figure = style.new_figure(0.5 + 2.75 + style.footnote_height(note))
    records = []
    for index, (column, lines) in enumerate(panels.items()):
        axes = axes_at(figure, 0.6 + 3.95 * index, 0.55, 3.2 if len(panels) > 1 else 7.0, 2.1)
        for number, (title, line) in enumerate(lines.items()):
            cells = {count: mean_cell(values, ["not run"]) for count, values in line.items() if values}
            if not cells:
                continue
            counts, means = list(cells), [cell.value or 0.0 for cell in cells.values()]
            half = [t_interval(cell) or 0.0 for cell in cells.values()]
            axes.errorbar(
                counts,
                means,
                half,
                color=f"C{number}",
                marker=MARKERS[number],
                ms=4,
                lw=1.2,
                capsize=2,
                label=title,
            )
            records += [
                {"column": column, "line": title, "at": count, "mean": mean, "ci95": one, "n": cells[count].n}
                for count, mean, one in zip(counts, means, half, strict=True)
            ]
        axes.set(xlabel=across, ylabel=titles[column])
        if index == 0:
            axes.locator_params(axis="x", integer=True)
            figure.legend(
                *axes.get_legend_handles_labels(), loc="upper center", frameon=False, fontsize=7, ncols=5
            )
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def _log() -> Normalize:
    from matplotlib.colors import LogNorm

    return LogNorm(0.01, 180.0)


DRAWERS: Mapping[str, Callable[[Shown], tuple[Figure, pl.DataFrame]]] = {
    "basins": draw_basins,
    "convergence": draw_convergence,
    "matches": draw_matches,
    "views": draw_views,
    "predictor": draw_predictor,
}
