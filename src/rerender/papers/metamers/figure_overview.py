"""F1: what a model metamer is, on one run of each family: target, start, the loop between them, and the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rerender.papers.metamers.pictures import Pictures, footnote, select
from rerender.papers.metamers.runfiles import Expected, Family, RunFiles
from rerender.reporting import style
from rerender.reporting.captions import Names
from rerender.reporting.grids import (
    arrow_at,
    box_at,
    picture_at,
    png_bytes,
    split_strip,
    spread_indices,
    text_at,
)

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

SIDE = 0.72
GAP = 0.05
BLOCK_TOP = 0.30
ROW_HEIGHT = 2.45
LEFT_VIEWS = 3
STEPS = 4
BOX = (2.72, 1.22)
STRIP_LEFT = 4.32
FREE: dict[Family, tuple[str, str]] = {
    "geometry": ("shape", "mesh vertices"),
    "material": ("material", "BSDF parameters\nand texture"),
}


def draw_overview(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """Draw one row a family, each with one run of that family."""
    import polars as pl

    shown = [example(found) for family in FREE if (found := select(runs, family))]
    note = footnote(
        tier,
        shown,
        expected,
        names,
        [run.family for run in shown],
        "Single runs, as examples. Left: some of the views that are compared. Right: two of these views on "
        "the way from start to result.",
        spread=False,
    )
    figure = style.new_figure(0.1 + ROW_HEIGHT * len(shown) + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    for index, run in enumerate(shown):
        records += _draw_row(figure, 0.1 + index * ROW_HEIGHT, run, names, "AB"[index])
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def example(runs: Sequence[RunFiles]) -> RunFiles:
    """Return the first run under a light with structure, which shows shape better than a constant one does."""
    return next((run for run in runs if run.envmap != "constant"), runs[0])


def _draw_row(figure: Figure, top: float, run: RunFiles, names: Names, letter: str) -> list[dict[str, Any]]:
    """Draw one run; return a record a picture."""
    pictures = Pictures(run)
    target = split_strip(pictures.strip_target())
    frames = pictures.movie["frames"]
    start = split_strip(frames[0])
    kind, free = FREE[run.family]
    light = f" (light: {names.envmap(run.envmap)})" if run.family == "geometry" else ""
    star = " *" if pictures.assets == "standin" else ""
    title = f"{run.family.capitalize()}: {names.scene(run.scene)}{star}{light}"
    text_at(figure, 0.06, top + 0.10, letter, fontsize=11, weight="bold", va="center")
    text_at(figure, 0.26, top + 0.10, title, fontsize=9, weight="bold", va="center")
    upper, lower = top + BLOCK_TOP + 0.12, top + BLOCK_TOP + 0.12 + SIDE + 0.42
    views = min(LEFT_VIEWS, len(target))
    text_at(figure, 0.06, upper - 0.05, r"target scene $\pi$, rendered: $R(\pi)$", fontsize=7.5, va="bottom")
    text_at(figure, 0.06, lower - 0.05, r"start $\pi'_0$, rendered: $R(\pi'_0)$", fontsize=7.5, va="bottom")
    records = []
    for index in range(views):
        left = 0.06 + index * (SIDE + GAP)
        for name, image, row in (("target", target[index], upper), ("start", start[index], lower)):
            picture_at(figure, (left, row, SIDE, SIDE), image)
            records.append(_record(run, name, index, 0, image))
    _draw_loop(figure, (upper, lower), views, names.model(run.model), free)
    records += _draw_way(figure, (upper, lower), pictures, target, kind)
    return records


def _draw_loop(figure: Figure, rows: tuple[float, float], views: int, model: str, free: str) -> None:
    """Draw the box of the vision model, what goes in, and the gradient that goes back."""
    left, width = BOX
    upper, lower = rows
    height = lower + SIDE - upper
    edge = 0.06 + views * (SIDE + GAP)
    middle = upper + height / 2
    half = 0.42
    box_at(figure, left, middle - half, width, 2 * half)
    text_at(
        figure,
        left + width / 2,
        middle - 0.2,
        model,
        fontsize=8,
        weight="bold",
        ha="center",
        va="center",
        wrap=True,
    )
    text_at(
        figure,
        left + width / 2,
        middle + 0.1,
        r"$\mathcal{L}\,(f(R(\pi')),\, f(R(\pi)))$",
        fontsize=7.5,
        ha="center",
        va="center",
    )
    dark, red = "#333333", "#B22222"
    arrow_at(figure, (edge, upper + SIDE / 2), (left + 0.35, middle - half), dark, bend=-0.2)
    arrow_at(figure, (edge, lower + SIDE / 2 - 0.12), (left + 0.25, middle + half), dark, bend=0.2)
    arrow_at(figure, (left + 0.75, middle + half), (edge, lower + SIDE / 2 + 0.2), red, bend=-0.35)
    text_at(
        figure,
        left + 0.62,
        lower + SIDE - 0.12,
        f"gradient to the\n{free}",
        fontsize=6.8,
        color=red,
        ha="left",
        va="center",
        linespacing=1.1,
    )


def _draw_way(
    figure: Figure, rows: tuple[float, float], pictures: Pictures, target: Sequence[Any], kind: str
) -> list[dict[str, Any]]:
    """Draw intermediate renders from the start to the result, and the target to compare with."""
    frames, iterations = pictures.movie["frames"], pictures.movie["iterations"]
    chosen = _early_and_late(len(frames))
    records = []
    for column, index in enumerate(chosen):
        left = STRIP_LEFT + column * (SIDE - 0.06 + GAP)
        parts = split_strip(frames[index])
        last = column == len(chosen) - 1
        label = (
            "start"
            if column == 0
            else f"result ({iterations[index]})"
            if last
            else f"step {iterations[index]}"
        )
        side = SIDE - 0.06
        text_at(figure, left + side / 2, rows[0] - 0.05, label, fontsize=7, ha="center", va="bottom")
        for view in range(min(2, len(parts))):
            top = rows[0] + view * (side + GAP)
            edge = "#222222" if last else "#bbbbbb"
            picture_at(
                figure, (left, top, side, side), parts[view], edge=edge, edge_width=0.9 if last else 0.5
            )
            records.append(_record(pictures.run, "way", view, int(iterations[index]), parts[view]))
    side = SIDE - 0.06
    left = STRIP_LEFT + len(chosen) * (side + GAP) + 0.08
    text_at(figure, left + side / 2, rows[0] - 0.05, "target", fontsize=7, ha="center", va="bottom")
    for view in range(min(2, len(target))):
        picture_at(
            figure,
            (left, rows[0] + view * (side + GAP), side, side),
            target[view],
            edge="#1A7F37",
            edge_width=1.2,
        )
    ends = (STRIP_LEFT, STRIP_LEFT + len(chosen) * (side + GAP) - GAP)
    below = rows[0] + 2 * (side + GAP) + 0.08
    arrow_at(figure, (ends[0], below), (ends[1], below), "#333333")
    middle = (ends[0] + ends[1]) / 2
    text_at(figure, middle, below + 0.06, f"optimising the {kind}", fontsize=7.5, ha="center", va="top")
    return records


def _early_and_late(count: int) -> list[int]:
    """Return up to `STEPS` frame indices: first and last, and between them rather early ones, where most happens."""
    if count <= STEPS:
        return list(range(count))
    even = spread_indices(101, STEPS)
    return sorted({round((index / 100) ** 2 * (count - 1)) for index in even} | {0, count - 1})


def _record(run: RunFiles, role: str, view: int, iteration: int, image: Any) -> dict[str, Any]:
    return {
        "family": run.family,
        "scene": run.scene,
        "envmap": run.envmap,
        "model": run.model,
        "seed": run.seed,
        "role": role,
        "view": view,
        "iteration": iteration,
        "png": png_bytes(image),
    }
