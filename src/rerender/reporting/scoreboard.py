"""Which published statements and numbers hold up: the verdicts of a tier in one picture.

Left, how many claims of each kind got which verdict. Right, every printed number that was measured, as ours over the
paper's: on the line they are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerender.reporting import captions, style
from rerender.reporting.overview import PANELS
from rerender.reporting.verdicts import STATES

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUPS: Mapping[str, tuple[str, ...]] = {
    "what its text says": ("qualitative", "order"),
    "printed numbers": ("value", "plot"),
    "goals set here": ("target",),
}
"""Kinds of claims that are counted together."""

STATE_COLOURS: Mapping[str, str] = {
    "match": "#009E73",
    "close": "#7FCDB0",
    "trend": "#F0C75E",
    "differs": "#D55E00",
    "blocked": "#9a9a9a",
    "not-run": "#e4e4e4",
}
ROW, PAPER_GAP, TOP, BOTTOM = 0.24, 0.14, 0.5, 0.5
"""Height of a bar with its space, space between papers, and above and below all bars [inches]."""
LEFT, BAR, GAP = 2.75, 2.35, 0.5
"""Where the bars begin, how long they are, and the space to the numbers [inches]."""
LABELS: Mapping[str, str] = {"not-run": "not asked of this tier, or not run"}
DECADES = 2.0
"""How far the axis of ratios goes to either side, in powers of ten; what lies beyond stands at the edge."""


def counts(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return how many claims got which verdict: columns paper, group, verdict, count; only what there is."""
    import polars as pl

    named = {kind: group for group, kinds in GROUPS.items() for kind in kinds}
    frame = verdicts.with_columns(pl.col("kind").replace_strict(named, default="other").alias("group"))
    return frame.group_by("paper", "group", "verdict", maintain_order=True).agg(pl.len().alias("count"))


def ratios(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return ours over the published value, where both are positive: columns claim, paper, verdict, ratio."""
    import polars as pl

    printed = verdicts.filter(
        pl.col("kind").is_in(GROUPS["printed numbers"]) & (pl.col("ours") > 0) & (pl.col("asked") > 0)
    )
    return printed.select("claim", "paper", "verdict", (pl.col("ours") / pl.col("asked")).alias("ratio"))


def draw_scoreboard(verdicts: pl.DataFrame, tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw the verdicts of a tier, papers in the order of the overview; return the counts."""
    import polars as pl

    table, numbers = counts(verdicts), ratios(verdicts)
    rows = [
        (paper, [group for group in GROUPS if not _of(table, paper, group).is_empty()])
        for paper in PANELS
        if paper in table["paper"]
    ]
    note = captions.sentences(
        "Bars count claims; a claim over several scenes or methods gets one verdict, that of the farthest. Trend: the direction holds, not the size, or not "
        "everywhere. Dots: the farthest group where there are several; numbers that are zero or negative on a side have no ratio; a time is that of another machine.",
        captions.tier_sentence(tier),
    )
    body = sum(len(groups) * ROW + PAPER_GAP for _, groups in rows)
    height = TOP + body + BOTTOM + style.footnote_height(note)
    figure = style.new_figure(height)
    bars = _axes(figure, LEFT, BAR, height, body)
    dots = _axes(figure, LEFT + BAR + GAP, style.WIDTH - LEFT - BAR - GAP - 0.2, height, body)
    top = 0.0
    for paper, groups in rows:
        _text(figure, 0.06, height - TOP - top - ROW / 2, PANELS[paper].title, fontsize=9, weight="bold")
        for index, group in enumerate(groups):
            middle = top + (index + 0.5) * ROW
            _text(figure, LEFT - 0.08, height - TOP - middle, group, fontsize=7.5, ha="right")
            _bar(bars, middle, _of(table, paper, group))
            if group == "printed numbers":
                _dots(dots, middle, numbers.filter(pl.col("paper") == paper))
        top += len(groups) * ROW + PAPER_GAP
    bars.set(xlim=(0, 1), ylim=(body, 0), xticks=[0, 0.5, 1], xticklabels=["0", "50 %", "100 %"], yticks=[])
    bars.set_title("claims, by verdict", loc="left")
    dots.set(xlim=(-DECADES, DECADES), ylim=(body, 0), yticks=[], xlabel="ours / published")
    ticks = [-2, -1, 0, 1, 2]
    dots.set_xticks(ticks, ["≤ 1/100", "1/10", "1", "10", "≥ 100"])
    dots.axvline(0, color="#222222", linewidth=0.6, zorder=0)
    dots.set_title("printed numbers, one by one", loc="left")
    _legend(figure, height, set(verdicts["verdict"]))
    style.add_footnote(figure, note)
    return figure, table


def save_scoreboard(verdicts: Path, out_stem: Path | str, tier: str) -> Sequence[Path]:
    """Draw the verdict table of a file, and write `out_stem` + `.png`, `.pdf` and `.parquet`."""
    import polars as pl

    with style.look():
        figure, shown = draw_scoreboard(pl.read_parquet(verdicts), tier)
        return style.save_figure(figure, out_stem, shown)


def _of(table: pl.DataFrame, paper: str, group: str) -> pl.DataFrame:
    import polars as pl

    return table.filter((pl.col("paper") == paper) & (pl.col("group") == group))


def _axes(figure: Figure, left: float, width: float, height: float, body: float) -> Axes:
    """Return axes whose vertical unit is the inch, from the first row down."""
    axes = figure.add_axes(
        (left / style.WIDTH, (height - TOP - body) / height, width / style.WIDTH, body / height)
    )
    axes.spines["left"].set_visible(False)
    return axes


def _text(figure: Figure, x: float, y: float, text: str, **look: Any) -> None:
    """Write in inches from the lower left corner, centred in height."""
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, text, va="center", **look)


def _bar(axes: Axes, middle: float, rows: pl.DataFrame) -> None:
    """Draw one bar, split by verdict, with the numbers in it."""
    found = dict(zip(rows["verdict"], rows["count"], strict=True))
    total, start = sum(found.values()), 0.0
    for state in STATES:
        share = found.get(state, 0) / total
        axes.barh(middle, share, 0.72 * ROW, start, color=STATE_COLOURS[state], linewidth=0)
        if share >= 0.04:
            colour = "white" if state in {"match", "differs", "blocked"} else "#222222"
            axes.text(
                start + share / 2,
                middle,
                str(found[state]),
                ha="center",
                va="center",
                fontsize=7,
                color=colour,
            )
        start += share


def _dots(axes: Axes, middle: float, rows: pl.DataFrame) -> None:
    """Draw a dot a number, spread in height by a fixed pattern so that equal ones are told apart."""
    import numpy as np

    ratio = np.log10(rows["ratio"].to_numpy())
    spread = (np.arange(len(ratio)) * 0.618 % 1 - 0.5) * 0.8 * ROW
    colours = [STATE_COLOURS[state] for state in rows["verdict"]]
    axes.scatter(
        np.clip(ratio, -DECADES, DECADES), middle + spread, s=9, c=colours, linewidths=0.3, edgecolors="#555555",
        clip_on=False, zorder=2,
    )  # fmt: skip


def _legend(figure: Figure, height: float, present: set[str]) -> None:
    """Name the verdicts that are in the picture."""
    from matplotlib.patches import Patch

    shown = [state for state in STATES if state in present]
    handles = [Patch(color=STATE_COLOURS[state], label=LABELS.get(state, state)) for state in shown]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.02 / height), ncols=len(handles), frameon=False,
        handlelength=1, columnspacing=1.2,
    )  # fmt: skip
