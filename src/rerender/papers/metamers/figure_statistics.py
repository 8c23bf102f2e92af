"""F5: distributions of similarity and pixel error against the pixel baseline. F6: representational similarity and principal components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from rerender.papers.metamers.by_view import (
    PIXELS,
    Quantity,
    read_views,
    similarity_under,
    values_of,
)
from rerender.papers.metamers.figure_overview import example
from rerender.papers.metamers.pictures import Pictures, first_seeds, footnote, models, places, select
from rerender.papers.metamers.runfiles import BASELINES, Expected, Family, RunFiles
from rerender.perception.metrics.representation import rdm_agreement, upper_triangle
from rerender.reporting import style
from rerender.reporting.captions import Names
from rerender.reporting.grids import axes_at, text_at
from rerender.reporting.statistics import ecdf, ecdf_distance
from rerender.reporting.style import Dashes

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAMILIES: tuple[Family, ...] = ("geometry", "material")
GREEN = "#1A7F37"

# ---------------------------------------------------------------- F5

SIMILARITY_RANGE = (-0.25, 1.25)
ERROR_RANGE = (0.0, 1.25)


def draw_distributions(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """F5: a block a family, a column a model; similarity under the model above, pixel error below."""
    import polars as pl

    views = read_views(dict.fromkeys(run.by_view for run in runs))
    families = [family for family in FAMILIES if _compared(select(runs, family))]
    columns = max((len(_compared(select(runs, family))) for family in families), default=1)
    note = footnote(
        tier,
        runs,
        expected,
        names,
        list(dict.fromkeys(run.family for run in runs)),
        "Each step is one view of one run, with fresh noise; all scenes, lights and seeds together. Upper rows: similarity under "
        "the model of the column, 0 is the mean of the start, 1 that of the target rendered again. Lower rows: mean absolute "
        "error of display values, as a share of that of the start. D: largest vertical distance between the coloured and "
        "the black line; tests are in T6.",
    )
    step, row = 7.4 / max(columns, 3), 1.62
    figure = style.new_figure(0.1 + len(families) * (2 * row + 0.42) + 0.25 + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    top = 0.1
    for family in families:
        text_at(figure, 0.06, top + 0.1, _title(family), fontsize=9, weight="bold", va="center")
        here = select(runs, family)
        for column, model in enumerate(_compared(here)):
            for line, quantity in enumerate((similarity_under(model), PIXELS)):
                place = (0.5 + column * step, top + 0.42 + line * row, step - 0.25, row - 0.6)
                axes = axes_at(figure, *place)
                where = places([run for run in here if run.model == model])
                records += _ecdf_panel(axes, views, where, family, model, quantity)
                axes.set_xlabel(("normalised similarity", "error / error of start")[line], labelpad=1)
                if line == 0:
                    axes.set_title(
                        _wrapped(names.model(model), int(step * 9)), fontsize=7.5, pad=3, loc="left"
                    )
                if column == 0:
                    axes.set_ylabel("share of views", labelpad=1)
                else:
                    axes.set_yticklabels([])
        top += 2 * row + 0.42
    _ecdf_legend(figure, top)
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _title(family: Family) -> str:
    return {"geometry": "Shapes", "material": "Materials"}[family]


def _compared(runs: Sequence[RunFiles]) -> list[str]:
    """Return the models of a family that are compared with the baseline, where it was run."""
    found = models(runs)
    return [model for model in found if model != BASELINES[runs[0].family]] if runs else []


def _ecdf_panel(
    axes: Axes,
    views: pl.DataFrame | None,
    where: Sequence[tuple[str, str]],
    family: Family,
    model: str,
    quantity: Quantity,
) -> list[dict[str, Any]]:
    """Draw start, ceiling, baseline and model; return a record a step."""
    baseline = BASELINES[family]
    lines = (
        ("start", model, "start", "#aaaaaa", ":"),
        ("target again", "", "ceiling", GREEN, "-."),
        ("pixel fit", baseline, "best", "#222222", "--"),
        ("model", model, "best", style.model_colour(model), "-"),
    )
    records: list[dict[str, Any]] = []
    pooled: dict[str, list[float]] = {}
    for name, owner, state, colour, dashes in lines:
        found = values_of(views, where, owner, quantity, state)
        pooled[name] = [value for run in found.values() for value in run]
        if not pooled[name]:
            continue
        values, shares = ecdf(pooled[name])
        axes.step(values, shares, where="post", color=colour, linestyle=dashes, linewidth=1.4)
        about = {"family": family, "model": model, "quantity": quantity.id, "line": name}
        records += [
            {**about, "value": float(v), "share": float(s)} for v, s in zip(values, shares, strict=True)
        ]
    axes.set_xlim(*(SIMILARITY_RANGE if quantity.judge else ERROR_RANGE))
    axes.set_ylim(0, 1.02)
    axes.set_xticks((0, 0.5, 1))
    axes.grid(True, color="#e5e5e5", linewidth=0.5)
    if pooled["model"] and pooled["pixel fit"]:
        distance = ecdf_distance(pooled["model"], pooled["pixel fit"])
        axes.text(1, 1.02, f"D = {distance:.2f}", ha="right", fontsize=6.5, transform=axes.transAxes)
    else:
        axes.text(0.5, 0.5, "no similarity", ha="center", color="#777777", transform=axes.transAxes)
    return records


def _ecdf_legend(figure: Figure, top: float) -> None:
    from matplotlib.lines import Line2D

    shown: tuple[tuple[str, str, Dashes | Literal[":"]], ...] = (
        ("optimised for the model", "#0072B2", "-"),
        ("optimised for pixels", "#222222", "--"),
        ("start", "#aaaaaa", ":"),
        ("target rendered again", GREEN, "-."),
    )
    handles = [Line2D([], [], color=c, linestyle=d, label=label) for label, c, d in shown]
    height = figure.get_size_inches()[1]
    figure.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - (top - 0.05) / height),
        ncols=4,
        frameon=False,
    )


# ---------------------------------------------------------------- F6

MATRIX = 0.86
VIEW_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def draw_representations(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """F6: a row a model of one scene of each family: both RDMs, their pairs, the way through components, and tau of all runs."""
    import polars as pl

    shown = [run for family in FAMILIES for run in _with_representation(select(runs, family))]
    note = footnote(
        tier,
        runs,
        expected,
        names,
        list(dict.fromkeys(run.family for run in runs)),
        "Each model in its own latents; a pixel objective's latent is the image. Dissimilarity of two views: one minus Pearson "
        "correlation, one colour scale for both matrices of a row, from 0 to the number beside them. τ: Kendall's τ of all pairs. Way: "
        "coordinates of up to four observed views from the start (ring) to the result (dot), and those of the target (star), in "
        "the first two principal components of all of them. Right: τ of every run of all scenes and lights; grey ticks: τ of the starts.",
    )
    row = MATRIX + 0.3
    figure = style.new_figure(
        0.55 + len(shown) * row + 0.2 * len({run.family for run in shown}) + style.footnote_height(note)
    )
    heads = (
        (1.75, "target"),
        (2.7, "result"),
        (3.95, "pairs of views"),
        (5.35, "way of the run"),
        (7.1, "τ of all runs"),
    )
    for left, head in heads:
        text_at(figure, left, 0.16, head, fontsize=8, weight="bold", ha="center", va="center")
    records: list[dict[str, Any]] = []
    top, family = 0.3, ""
    for run in shown:
        if run.family != family:
            family = run.family
            light = f" · light: {names.envmap(run.envmap)}" if family == "geometry" else ""
            title = f"{_title(run.family)}: {names.scene(run.scene)}{light}"
            text_at(figure, 0.06, top + 0.1, title, fontsize=8.5, weight="bold", va="center")
            top += 0.24
        text_at(figure, 0.06, top + MATRIX / 2, _wrapped(names.model(run.model)), fontsize=8, va="center")
        same = [other for other in runs if (other.family, other.model) == (run.family, run.model)]
        records += _representation_row(figure, top, run, same)
        top += row
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _wrapped(name: str, width: int = 14) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(name, max(width, 8)))


def _with_representation(runs: Sequence[RunFiles]) -> list[RunFiles]:
    """Return the first run of every model at one place, of those that have RDMs."""
    if not runs:
        return []
    chosen = example(runs)
    here = [run for run in first_seeds(runs) if (run.scene, run.envmap) == (chosen.scene, chosen.envmap)]
    return [run for run in here if "rdm_best" in Pictures(run).views]


def _representation_row(
    figure: Figure, top: float, run: RunFiles, same: Sequence[RunFiles]
) -> list[dict[str, Any]]:
    """Draw one model; return its records."""
    views = Pictures(run).views
    target, best = views["rdm_target"], views["rdm_best"]
    highest = float(max(target.max(), best.max(), 1e-9))
    for left, matrix in ((1.32, target), (2.27, best)):
        axes = axes_at(figure, left, top, MATRIX, MATRIX)
        axes.imshow(matrix, cmap="viridis", vmin=0, vmax=highest, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
    text_at(figure, 2.22, top + MATRIX + 0.09, f"0 – {highest:.2g}", fontsize=6.5, ha="center", va="center")
    about = {
        "family": run.family,
        "scene": run.scene,
        "envmap": run.envmap,
        "model": run.model,
        "seed": run.seed,
    }
    records = _pairs(figure, top, run, target, best, about)
    records += _way(axes_at(figure, 4.85, top, 1.15, MATRIX), views, about)
    return records + _taus(axes_at(figure, 6.45, top, 1.4, MATRIX), run.model, same, about)


def _pairs(
    figure: Figure,
    top: float,
    run: RunFiles,
    target: npt.NDArray[Any],
    best: npt.NDArray[Any],
    about: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Draw the dissimilarities of all pairs against each other."""
    axes = axes_at(figure, 3.5, top, MATRIX, MATRIX)
    x, y = upper_triangle(target), upper_triangle(best)
    axes.plot(x, y, "o", color=style.model_colour(run.model), markersize=2, alpha=0.5, markeredgewidth=0)
    end = float(max(x.max(), y.max())) * 1.05
    axes.plot([0, end], [0, end], color="#bbbbbb", linewidth=0.6)
    axes.set(xlim=(0, end), ylim=(0, end))
    axes.tick_params(labelsize=5.5, length=2, pad=1)
    axes.locator_params(nbins=3)
    found = rdm_agreement(best, target)
    if found is not None:
        axes.text(0.05, 0.86, f"τ = {found.tau:.2f}", fontsize=7, transform=axes.transAxes)
    pairs = zip(x, y, strict=True)
    return [
        {**about, "kind": "pair", "x": float(a), "y": float(b), "index": n} for n, (a, b) in enumerate(pairs)
    ]


def _way(axes: Axes, views: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw the observed views through the first two principal components."""
    way, target, shares = views["way"], views["way_target"], views["way_explained"]
    if way.shape[-1] < 2:
        axes.text(0.5, 0.5, "one component", ha="center", color="#777777", transform=axes.transAxes)
        return []
    records = []
    for view in range(way.shape[1]):
        colour = VIEW_COLOURS[view % len(VIEW_COLOURS)]
        x, y = way[:, view, 0], way[:, view, 1]
        axes.plot(x, y, color=colour, linewidth=0.9, alpha=0.8)
        axes.plot(x[0], y[0], "o", color="white", markeredgecolor=colour, markersize=3.5)
        axes.plot(x[-1], y[-1], "o", color=colour, markersize=3)
        axes.plot(
            *target[view, :2], "*", color=colour, markersize=7, markeredgecolor="white", markeredgewidth=0.4
        )
        steps = zip(views["way_iterations"], x, y, strict=True)
        records += [
            {**about, "kind": "way", "view": view, "index": int(i), "x": float(a), "y": float(b)}
            for i, a, b in steps
        ]
        end = {"x": float(target[view, 0]), "y": float(target[view, 1])}
        records.append({**about, "kind": "way target", "view": view, "index": 0, **end})
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"PC 1, {shares[0]:.0%}", fontsize=6.5, labelpad=1)
    axes.set_ylabel(f"PC 2, {shares[1]:.0%}", fontsize=6.5, labelpad=1)
    axes.margins(0.12)
    return records


def _taus(axes: Axes, model: str, same: Sequence[RunFiles], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw tau of every run of a model, and of its start."""
    values = [Pictures(run).values for run in same]
    found = [
        (v[f"rsa_tau/{model}"], v.get(f"rsa_tau_start/{model}")) for v in values if f"rsa_tau/{model}" in v
    ]
    offsets = 0.5 + 0.22 * np.sin(2.4 * np.arange(len(found)))  # beside each other, the same way every time
    for (tau, start), place in zip(found, offsets, strict=True):
        if start is not None:
            axes.plot(start, place, "|", color="#999999", markersize=6)
        axes.plot(
            tau, place, "o", color=style.model_colour(model), markersize=3.5, markeredgewidth=0, alpha=0.8
        )
    if found:
        axes.axvline(float(np.mean([tau for tau, _ in found])), color=style.model_colour(model), linewidth=1)
    axes.set(xlim=(-0.3, 1.03), ylim=(0, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color="#bbbbbb", linewidth=0.6)
    axes.tick_params(labelsize=6, length=2, pad=1)
    return [
        {**about, "kind": "tau", "index": n, "x": float(tau), "y": None if start is None else float(start)}
        for n, (tau, start) in enumerate(found)
    ]
