"""One example of each paper in one picture: the start of its search, what was found, and what it was to match.

The pictures are those that the papers' own figures keep beside them (`figures/*.parquet`, column `png`); nothing is rendered.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rerender.reporting import captions, style
from rerender.reporting.grids import picture_at, text_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

HEIGHT, GAP, LEFT, TOP, TITLE = 1.02, 0.08, 2.02, 0.12, 0.2
"""Height of a picture, space between pictures, place of the first, and height of the line above them [inches]."""

EMPTY = 235
"""Grey of a place without a picture."""


@dataclass(frozen=True)
class Tile:
    """A picture of a figure: the first row whose columns have one of these values, the values in order of preference.

    With `below`, another picture of the same width stands under it. No row: an empty place, for what has no picture.
    """

    title: str
    row: Mapping[str, tuple[str, ...]]
    below: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Panel:
    """A paper's row: the question that it asks, and its pictures."""

    title: str
    question: str
    tiles: tuple[Tile, ...]


LIT = {"kind": ("render",), "envmap": ("venice_sunset", "")}
PANELS: Mapping[str, Panel] = {
    "metamers": Panel(
        "Metamers",
        "Which shape looks the same\nto a model of vision?",
        (
            Tile("start", {**LIT, "role": ("start",)}),
            Tile("found, by pixels", {**LIT, "role": ("result",), "model": ("mae",)}),
            Tile("target", {**LIT, "role": ("target",)}),
            Tile("found, pooled", {**LIT, "role": ("result",), "model": ("pooled",)}),
        ),
    ),
    "envmaps": Panel(
        "Environment maps",
        "Which sky makes the\nretouched picture?",
        (
            Tile("start", {"role": ("start",)}),
            Tile("found", {"role": ("rendering",)}),
            Tile("target (retouched)", {"role": ("target",)}),
            Tile("skies: start, below it found", {"role": ("initial",)}, below={"role": ("found",)}),
        ),
    ),
    "materials": Panel(
        "Materials",
        "Which surface do\nthe photographs show?",
        (
            Tile("start: random", {}),
            Tile("found", {"row": ("Two branches",), "picture": ("render",)}),
            Tile("target", {"row": ("target",), "picture": ("render",)}),
            Tile("found: albedo", {"row": ("Two branches",), "picture": ("albedo",)}),
            Tile("found, other light", {"row": ("Two branches",), "picture": ("relit",)}),
        ),
    ),
    "viewpoints": Panel(
        "Viewpoints",
        "Which camera took\nthe picture?",
        (
            Tile("start", {"method": ("lm",), "picture": ("start",)}),
            Tile("found", {"method": ("lm",), "picture": ("found",)}),
            Tile("target", {"method": ("lm",), "picture": ("target",)}),
        ),
    ),
    "physics": Panel(
        "Physics from video",
        "Which mass, stiffness or\npolicy makes the video?",
        (
            Tile("start", {"row": ("first guess",)}),
            Tile("found", {"row": ("from video",)}),
            Tile("target", {"row": ("truth or goal",)}),
        ),
    ),
}


def tile_picture(pictures: pl.DataFrame, tile: Tile) -> np.ndarray | None:
    """Return a tile's picture, uint8 (H, W, 3), or None where the figure has none."""
    if not tile.row:
        return np.full((8, 8, 3), EMPTY, np.uint8)
    found = [find(pictures, row) for row in (tile.row, tile.below) if row is not None]
    several = [picture for picture in found if picture is not None]
    if len(several) < len(found):
        return None
    return several[0] if len(several) == 1 else stacked(several)


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return pictures of one width below each other, with a white line between."""
    line = np.full((max(1, pictures[0].shape[0] // 24), *pictures[0].shape[1:]), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, line)]
    return np.concatenate(parts[:-1])


def find(pictures: pl.DataFrame, row: Mapping[str, tuple[str, ...]]) -> np.ndarray | None:
    """Return the picture of the first row of these values. An empty name takes what there is."""
    import polars as pl
    from PIL import Image

    for column, wanted in row.items():
        present = pictures[column].to_list()
        name = next((name for name in wanted if name in present or not name), None)
        if name is None:
            return None
        if name:
            pictures = pictures.filter(pl.col(column) == name)
    if pictures.is_empty():
        return None
    return np.asarray(Image.open(io.BytesIO(pictures["png"][0])).convert("RGB"))


def draw_overview(figures: Mapping[str, pl.DataFrame], tier: str) -> tuple[Figure, pl.DataFrame]:
    """Draw a row a paper from the data of one figure of each, by paper; return which pictures are shown."""
    import polars as pl

    note = captions.sentences(
        "One example of each paper. The search knows the target and begins at the start. Pooled: for statistics pooled over places; "
        "physics: moments from early (dark) to late.",
        captions.tier_sentence(tier),
    )
    rows = {paper: _tiles(figures[paper], panel) for paper, panel in PANELS.items() if paper in figures}
    reach = max(sum(_width(picture) + GAP for _, picture in tiles) for tiles in rows.values())
    height = TOP + len(rows) * (HEIGHT + TITLE + GAP)
    width = max(style.WIDTH, LEFT + reach)
    figure = style.new_figure(height + style.footnote_height(note, width), width)
    shown: list[dict[str, Any]] = []
    for row, (paper, tiles) in enumerate(rows.items()):
        top = TOP + row * (HEIGHT + TITLE + GAP) + TITLE
        text_at(figure, 0.06, top + 0.1, PANELS[paper].title, fontsize=10, weight="bold", va="top")
        text_at(figure, 0.06, top + 0.36, PANELS[paper].question, fontsize=8.5, va="top")
        left = LEFT
        for title, picture in tiles:
            text_at(figure, left, top - 0.04, title, fontsize=7.5, va="bottom")
            picture_at(figure, (left, top, _width(picture), HEIGHT), picture)
            left += _width(picture) + GAP
            shown.append({"paper": paper, "picture": title})
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(shown)


def save_overview(files: Mapping[str, Path], out_stem: Path | str, tier: str) -> Sequence[Path]:
    """Draw the data files of the papers' figures, and write `out_stem` + `.png`, `.pdf` and `.parquet`."""
    import polars as pl

    with style.look():
        figure, shown = draw_overview({paper: pl.read_parquet(file) for paper, file in files.items()}, tier)
        return style.save_figure(figure, out_stem, shown)


def _tiles(pictures: pl.DataFrame, panel: Panel) -> list[tuple[str, np.ndarray]]:
    found = ((tile.title, tile_picture(pictures, tile)) for tile in panel.tiles)
    return [(title, picture) for title, picture in found if picture is not None]


def _width(picture: np.ndarray) -> float:
    height, width = picture.shape[:2]
    return HEIGHT * float(width) / float(height)
