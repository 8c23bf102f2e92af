"""Figures of ∇Sim, with the published curves' points: the loss over the mass (2), and control of a gear and of a cloth by iteration (4a, 4b)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rerender.core.errors import unknown_name
from rerender.papers.physics.curves import (
    COMPARED,
    KERNELS,
    LAME_SLICES,
    PLANE,
    SELECTIONS,
    TRUE_LAME,
    TRUE_MASS,
    TRUE_RESTITUTION,
    TWIN,
    lame_metric_name,
    metric_name,
)
from rerender.papers.physics.specs import CONTROL_METHODS
from rerender.reporting import captions, style
from rerender.reporting.grids import axes_at
from rerender.reporting.published import load_published, published_value

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES: Mapping[str, str] = {
    "all": "all frames",
    "every5": "every fifth frame",
    "first_mid": "first and middle frame",
    "first_last": "first and last frame",
}
PUBLISHED_STEPS = (0, 1, 2, 5, 10, 20, 30, 39)
GROWTH_TITLES: Mapping[str, str] = {KERNELS: "kernels", TWIN: "plain PyTorch"}
COLOURS = ("#0072B2", "#009E73", "#E69F00", "#D55E00")


def draw_landscape(
    data: Sequence[Path], published: Path, tier: str, names: Mapping[str, str]
) -> tuple[Figure, pl.DataFrame]:
    """Draw Figure 2: our curves as lines, the published ones as points; and the loss over mass and restitution."""
    import polars as pl

    frame = pl.read_parquet(data[0])
    tables = load_published(published)
    note = captions.sentences(
        "Left: mean squared error between the video of a cube of vertex mass m that two forces turn and that of 1 kg (star), each curve divided by its maximum. "
        "Lines are ours, points are read from the published curve. Right: logarithm of the error, to the base 10, of a cube that falls and bounces, over mass and "
        f"restitution, from that of 1 kg and {TRUE_RESTITUTION:g} (star); a heavy one does not reach the ground in time. The paper has no such figure.",
        captions.tier_sentence(tier),
    )
    height = 3.2
    figure = style.new_figure(height + 0.2 + style.footnote_height(note))
    axes = axes_at(figure, 0.7, 0.25, 3.3, height - 0.8)
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
    plane = pl.read_parquet(data[1]).sort("restitution", "mass")
    right = axes_at(figure, 4.75, 0.25, 2.3, height - 0.8)
    _plane(figure, right, plane, "mass", "restitution", (TRUE_MASS, TRUE_RESTITUTION))
    right.set(xscale="log", xlabel="mass of a vertex [kg]", ylabel="restitution")
    ticks = [0.1, 0.3, 1, 3]
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    style.add_footnote(figure, note)
    return figure, pl.concat([*parts, plane], how="diagonal_relaxed")


def _plane(
    figure: Figure, axes: Axes, plane: pl.DataFrame, across: str, up: str, truth: tuple[float, float]
) -> None:
    """Draw the logarithm of the loss over two parameters, the truth as a star; `plane` is sorted by `up`, then `across`. The scale is beside it."""
    width = plane[across].n_unique()
    x, y, loss = (plane[name].to_numpy().reshape(-1, width) for name in (across, up, "loss"))
    # at the truth it is 0: that place is drawn as the least of the others
    seen = np.log10(np.maximum(loss, loss[loss > 0.0].min()))
    shades = axes.pcolormesh(x, y, seen, cmap="viridis", shading="nearest")
    axes.plot(*([value] for value in truth), "*", ms=9, color="white", mec="black", mew=0.5)
    bar = axes_at(figure, 7.2, 0.25, 0.12, 2.4)
    figure.colorbar(shades, cax=bar)
    bar.set_title(r"$\log_{10}$ loss", fontsize=7)


def draw_lame_landscape(
    data: Sequence[Path], published: Path, tier: str, names: Mapping[str, str]
) -> tuple[Figure, pl.DataFrame]:
    """Draw the loss over one Lamé parameter of a beam, with the published points, and over the plane of both."""
    import polars as pl

    frame = pl.read_parquet(data[0])
    tables = load_published(published)
    note = captions.sentences(
        "Mean squared error between the video of a beam that sags and that of 1000 Pa each (star). Left, along one parameter, over the maximum: lines and dots are ours, "
        "circles the published values, of a scene that was not released. Right, over both: logarithm of the error, to the base 10.",
        captions.tier_sentence(tier),
    )
    height = 3.2
    figure = style.new_figure(height + 0.2 + style.footnote_height(note))
    left, right = axes_at(figure, 0.7, 0.25, 3.1, height - 0.8), axes_at(figure, 4.6, 0.25, 2.5, height - 0.8)
    parts = []
    for part, colour in zip(LAME_SLICES, COLOURS, strict=False):
        key = part.removeprefix("lame_")
        own = frame.filter(part=part).sort(key)
        points = [published_value(tables, "fig2_lame", part, lame_metric_name(v)) for v in own[key]]
        left.plot(own[key], own["loss"], ".-", color=colour, label=key)
        left.plot(own[key], np.array(points, dtype=float), "o", ms=4, color=colour, mfc="none")
        parts.append(own.with_columns(published=pl.Series(points, dtype=pl.Float64)))
    left.plot([TRUE_LAME], [0.0], "*", ms=9, color="black")
    left.set(xlabel="Lamé parameter [Pa]", ylabel="loss / maximum", ylim=(-0.03, 1.05))
    left.legend(frameon=False)
    plane = frame.filter(part=PLANE).sort("lambda", "mu")
    _plane(figure, right, plane, "mu", "lambda", (TRUE_LAME, TRUE_LAME))
    right.set(xscale="log", yscale="log", xlabel="mu [Pa]", ylabel="lambda [Pa]")
    ticks = [250, 500, 1000, 2000]
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.set_yticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    style.add_footnote(figure, note)
    return figure, pl.concat([*parts, plane], how="diagonal_relaxed")


@dataclass(frozen=True)
class Control:
    """A figure of control: where its printed values are, and what its footnote says of object and goals."""

    figure: str
    what: str
    seeds: int


FEM = Control("fig4a", "control-fem: mean squared distance of the gear's centre from the goal", 6)
CLOTH = Control("fig4b", "control-cloth: mean squared distance of the cloth's centre from the goal's", 5)


def draw_control(
    control: Control, data: Sequence[Path], published: Path, tier: str, names: Mapping[str, str]
) -> tuple[Figure, pl.DataFrame]:
    """Draw Figure 4: position error over the iterations, mean and standard deviation over seeds, and the published means."""
    import polars as pl

    frame = pl.concat([pl.read_parquet(file) for file in data], how="diagonal_relaxed")
    tables = load_published(published)
    seeds = frame["seed"].n_unique()
    means = (
        frame.group_by("method", "iteration")
        .agg(mean=pl.col("position_error").mean(), sd=pl.col("position_error").std(), runs=pl.len())
        .sort("method", "iteration")
    )
    spread = f"Mean and one sample standard deviation over {seeds} goals" if seeds > 1 else "One goal"
    note = captions.sentences(
        f"{control.what}, over the axes, at the present parameters. "
        f"{spread}, of Random over a few trials; circles are the published means over {control.seeds} other goals. The frame is compared with the goal by a pyramid of "
        "blurs, since object and goal may not overlap.",
        captions.tier_sentence(tier),
    )
    height = 3.2
    figure = style.new_figure(height + 0.2 + style.footnote_height(note))
    axes = axes_at(figure, 0.7, 0.25, 6.9, height - 0.8)
    last = int(frame["iteration"].to_numpy().max())
    for method, colour in zip(CONTROL_METHODS, COLOURS, strict=False):
        part = means.filter(pl.col("method") == method)
        if part.is_empty():
            continue
        x, mean, sd = (part[name].fill_null(0.0).to_numpy() for name in ("iteration", "mean", "sd"))
        if method == "random":  # it learns nothing: its few trials stand for all iterations
            x, mean, sd = np.array([0, last]), np.full(2, mean.mean()), np.full(2, sd.mean())
        axes.plot(x, mean, color=colour, label=names.get(method, method))
        faint = 0.07 if method == "random" else 0.15
        axes.fill_between(x, mean - sd, mean + sd, color=colour, alpha=faint, lw=0)
        shown = [step for step in PUBLISHED_STEPS if step <= last]
        points = [published_value(tables, control.figure, method, f"it{step}") for step in shown]
        axes.plot(np.array(shown), np.array(points, dtype=float), "o", ms=3.5, color=colour, mfc="none")
    axes.set(xlabel="iteration", ylabel="position error [m²]", ylim=(0.0, None))
    axes.legend(frameon=False)
    style.add_footnote(figure, note)
    return figure, means


def draw_growth(
    data: Sequence[Path], published: Path, tier: str, names: Mapping[str, str]
) -> tuple[Figure, pl.DataFrame]:
    """Draw what a step takes over the number of tetrahedra: a step, and a tetrahedron's part of it."""
    import polars as pl

    frame = pl.read_parquet(data[0]).with_columns(
        nanoseconds_each=1e9 * pl.col("seconds_step") / pl.col("tetrahedra")
    )
    processor = frame["processor"][0]
    note = captions.sentences(
        "A step of a block of stable Neo-Hookean tetrahedra, forward and backward, single precision. Times are the processor's on the CPU and "
        f"the wall clock's on a GPU; the least of several. Processor: {processor}.",
        captions.tier_sentence(tier),
    )
    height = 3.0
    figure = style.new_figure(height + 0.2 + style.footnote_height(note))
    panels = [axes_at(figure, left, 0.25, 3.15, height - 0.8) for left in (0.65, 4.65)]
    for (device, title), colour in zip(_devices(frame), COLOURS, strict=False):
        for method, dashes in ((KERNELS, "-"), (TWIN, "--")):
            part = frame.filter(device=device, method=method).sort("tetrahedra")
            for axes, column in zip(panels, ("seconds_step", "nanoseconds_each"), strict=True):
                label = f"{GROWTH_TITLES[method]}, {title}"
                axes.plot(part["tetrahedra"], part[column], "o", ls=dashes, ms=3, color=colour, label=label)
    for axes, label in zip(
        panels, ("time of a step [s]", "time of a step and tetrahedron [ns]"), strict=True
    ):
        axes.set(xscale="log", yscale="log", xlabel="tetrahedra", ylabel=label)
        axes.grid(alpha=0.25, lw=0.5)
    panels[0].legend(frameon=False)
    style.add_footnote(figure, note)
    return figure, frame


def _devices(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """Return the devices that were timed, the CPU first, and their names."""
    pairs = frame.select("device", "device_name").unique().rows()
    return sorted(pairs, key=lambda pair: str(pair[0]) != "cpu")


Drawer = Callable[[Sequence[Path], Path, str, Mapping[str, str]], "tuple[Figure, pl.DataFrame]"]
DRAWERS: Mapping[str, Drawer] = {
    "fig2": draw_landscape,
    "fig2_lame": draw_lame_landscape,
    "fig4a": partial(draw_control, FEM),
    "fig4b": partial(draw_control, CLOTH),
    "growth": draw_growth,
}
assert tuple(TITLES) == tuple(SELECTIONS)


def make_figure(
    figure_id: str,
    data: Sequence[Path],
    published: Path,
    out_stem: Path | str,
    *,
    tier: str,
    names: Mapping[str, str] | None = None,
) -> tuple[Path, Path, Path]:
    """Draw a figure of `DRAWERS` and write `out_stem` + `.png`, `.pdf`, `.parquet`; without `names` ids are printed."""
    if figure_id not in DRAWERS:
        raise unknown_name("physics figure", figure_id, DRAWERS)
    with style.look():
        figure, plotted = DRAWERS[figure_id](data, published, tier, names or {})
        return style.save_figure(figure, out_stem, plotted)
