"""Figures 6 to 10: recovered maps above their renderings, by representation, way to optimise, and roughness."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rerender.core.files import Tree
from rerender.papers.envmaps.figure_files import Shown, picture
from rerender.papers.envmaps.runfiles import INITIAL, Expected, RunFiles
from rerender.papers.envmaps.settings import split_place
from rerender.papers.envmaps.tables import MODE_TITLES
from rerender.reporting import style
from rerender.reporting.grids import axes_at, picture_at, png_bytes, text_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

MARGIN, GAP, HEAD, FOOT = 0.06, 0.07, 0.3, 0.2
BLOCK_HEAD = 0.24
DODGE = 0.006
"""How far the points of two modes are drawn apart, so that no bar hides another."""
CROP = (0.15, 0.75, 0.2, 0.8)
"""Rows and columns, as shares of the picture, where the object is."""


@dataclass(frozen=True)
class Tile:
    """A map (H, W, 3) above a rendering (h, w, 3), both as display values; either may be absent."""

    title: str
    caption: str
    map: np.ndarray | None
    rendering: np.ndarray | None
    about: Mapping[str, Any] = field(default_factory=dict)
    no_map: bool = False
    """The map only keeps its place free: there is none to show."""


@dataclass(frozen=True)
class Block:
    """Tiles under one heading."""

    title: str
    tiles: tuple[Tile, ...]


def draw_blocks(
    blocks: Sequence[Block], columns: int, note: str, extra: float = 0.0
) -> tuple[Figure, pl.DataFrame]:
    """Lay out blocks of tiles; `extra` inches stay free above the footnote. Pictures are kept as PNG in the data."""
    import polars as pl

    width = (style.WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    heights = [_tile_height(block.tiles, width) for block in blocks]
    lines = [-(-len(block.tiles) // columns) for block in blocks]
    total = sum(BLOCK_HEAD + n * h for n, h in zip(lines, heights, strict=True))
    figure = style.new_figure(total + extra + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    top = 0.0
    for block, height in zip(blocks, heights, strict=True):
        text_at(figure, MARGIN, top + 0.06, block.title, fontsize=8, weight="bold", va="top")
        top += BLOCK_HEAD
        for start in range(0, len(block.tiles), columns):
            for column, tile in enumerate(block.tiles[start : start + columns]):
                _draw_tile(figure, MARGIN + column * (width + GAP), top, width, tile, block.title, records)
            top += height
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records)


def _tile_height(tiles: Sequence[Tile], width: float) -> float:
    """Return the height of the tallest tile [in]."""

    def of(tile: Tile) -> float:
        parts = [image for image in (tile.map, tile.rendering) if image is not None]
        return HEAD + sum(float(width * x.shape[0] / x.shape[1]) + 0.03 for x in parts) + FOOT

    return max(map(of, tiles))


def _draw_tile(
    figure: Figure,
    left: float,
    top: float,
    width: float,
    tile: Tile,
    block: str,
    records: list[dict[str, Any]],
) -> None:
    title = "\n".join(lines_of(tile.title, max(12, int(width * 18))))
    text_at(figure, left + width / 2, top + HEAD - 0.04, title, fontsize=6.5, ha="center", va="bottom")
    y = top + HEAD
    for kind, image in (("map", tile.map), ("rendering", tile.rendering)):
        if image is not None:
            height = width * image.shape[0] / image.shape[1]
            if kind == "map" and tile.no_map:
                y += height + 0.03
                continue
            picture_at(figure, (left, y, width, height), image)
            records.append(
                {"block": block, "title": tile.title, **tile.about, "kind": kind, "png": png_bytes(image)}
            )
            y += height + 0.03
    text_at(
        figure, left + width / 2, y + 0.02, tile.caption, fontsize=6, ha="center", va="top", color="#444444"
    )


def lines_of(title: str, most: int) -> list[str]:
    """Return a tile's title in at most two lines of `most` characters; a bracket is kept together where it fits."""
    name, bracket, rest = title.partition(" (")
    if len(title) > most and bracket and max(len(name), len(rest) + 1) <= most:
        return [name, f"({rest}"]
    return textwrap.wrap(title, most)[:2]


# ---------------------------------------------------------------- from runs to tiles


def start_tiles(tree: Tree, run: RunFiles, shown: Shown) -> list[Tile]:
    """Return the initial map and the truth, each with its rendering."""
    return [
        Tile(
            "Initial",
            _scores(shown, run, INITIAL),
            picture(tree["initial"]),
            picture(tree["start"]),
            {"scene": run.scene, "representation": INITIAL},
        ),
        Tile(
            "Ground truth",
            "target",
            picture(tree["truth"]),
            picture(tree["target"]),
            {"scene": run.scene, "representation": "truth"},
        ),
    ]


def run_tiles(tree: Tree, run: RunFiles, shown: Shown, only: Sequence[str]) -> list[Tile]:
    """Return the recovered map of each representation that ran, with its rendering and PSNRs."""
    return [
        Tile(
            shown.names.model(name),
            _scores(shown, run, name),
            picture(found["map"]),
            picture(found["rendering"]),
            {"scene": run.scene, "mode": run.mode, "representation": name},
        )
        for name, found in tree["runs"].items()
        if name in only
    ]


def _scores(shown: Shown, run: RunFiles, name: str) -> str:
    row = Expected(run.experiment, run.scene, run.envmap, run.mode, run.seed, name)
    values = [shown.results.value(row, metric) for metric in ("env/psnr", "ren/psnr")]
    parts = zip(("map", "picture"), values, strict=True)
    told = ", ".join(f"{what} {value:.1f}" for what, value in parts if value is not None)
    return f"{told} dB" if told else ""


def _heading(run: RunFiles, shown: Shown) -> str:
    return f"{shown.names.scene(run.scene)}, {MODE_TITLES[run.mode]}"


def _part(shown: Shown, scene: str) -> Sequence[str]:
    """Return the representations of the table that shows a place."""
    tables = (shown.settings.table1, shown.settings.table2, shown.settings.table3)
    return next(part.representations for part in tables if scene in part.places)


def draw_rows(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figures 6, 7 and 10: start and truth, then every representation of the scene's table, for each way to optimise."""
    blocks = []
    for run, tree in shown.opened():
        tiles = (*start_tiles(tree, run, shown), *run_tiles(tree, run, shown, _part(shown, run.scene)))
        blocks.append(Block(_heading(run, shown), tiles))
    widest = max(len(block.tiles) for block in blocks)
    return draw_blocks(blocks, even_columns(widest), _note(shown))


def draw_reflections(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 8: the object in the renderings of Figure 6, enlarged."""
    blocks = []
    for run, tree in shown.opened():
        tiles = (*start_tiles(tree, run, shown), *run_tiles(tree, run, shown, _part(shown, run.scene)))
        cut = tuple(
            Tile(tile.title, tile.caption, None, crop(tile.rendering), tile.about)
            for tile in tiles
            if tile.rendering is not None
        )
        blocks.append(Block(_heading(run, shown), cut))
    return draw_blocks(blocks, even_columns(len(blocks[0].tiles)), _note(shown))


def even_columns(count: int) -> int:
    """Return how many columns show so many tiles in lines of much the same length, six at most."""
    return -(-count // -(-count // 6))


def crop(image: np.ndarray) -> np.ndarray:
    """Return the part of a rendering where the object is."""
    height, width = image.shape[:2]
    top, bottom, left, right = CROP
    return image[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def draw_roughness(shown: Shown) -> tuple[Figure, pl.DataFrame]:
    """Figure 9: one representation at every roughness, and its PSNRs over roughness, mean over skies and seeds."""
    import polars as pl

    name = shown.settings.figure9.representations[0]
    modes = shown.settings.inversion.modes
    opened = shown.opened()
    blocks = []
    for mode in modes:
        tiles: list[Tile] = []
        for run, tree in opened:
            if run.mode == mode:
                rough = split_place(run.scene)[1]
                found = run_tiles(tree, run, shown, (name,))
                tiles += [Tile(f"roughness {rough:g}", x.caption, x.map, x.rendering, x.about) for x in found]
        blocks.append(Block(f"{shown.names.model(name)}, {MODE_TITLES[mode]}", tuple(tiles)))
    panel = 1.9
    note = _note(shown, "Curves: mean over skies and seeds, bars: standard deviation.")
    figure, data = draw_blocks(blocks, max(len(block.tiles) for block in blocks), note, panel)
    records = _roughness_curves(figure, shown, name, panel, style.footnote_height(note))
    return figure, pl.concat([data, pl.DataFrame(records)], how="diagonal_relaxed")


def _roughness_curves(
    figure: Figure, shown: Shown, name: str, panel: float, footnote: float
) -> list[dict[str, Any]]:
    """Draw PSNR over roughness at the figure's foot; return the points."""
    records: list[dict[str, Any]] = []
    top = float(figure.get_size_inches()[1]) - footnote - panel + 0.15
    for index, (metric, title) in enumerate(
        (("env/psnr", "PSNR of the map [dB]"), ("ren/psnr", "PSNR of the rendering [dB]"))
    ):
        axes = axes_at(figure, 0.6 + index * 4.0, top, 3.2, panel - 0.55)
        styles = (("-", -DODGE), ("--", DODGE))
        for mode, (dashes, aside) in zip(shown.settings.inversion.modes, styles, strict=False):
            points = []
            for place in sorted({run.scene for run in shown.files.runs}):
                runs = shown.results.runs(experiment="shift", scene=place, mode=mode, representation=name)
                cell, rough = shown.results.cell(runs, metric), split_place(place)[1]
                if cell.value is not None and rough is not None:
                    points.append((rough, cell.value, cell.sd or 0.0))
                    records.append(
                        {
                            "metric": metric,
                            "mode": mode,
                            "roughness": rough,
                            "value": cell.value,
                            "sd": cell.sd,
                            "n": cell.n,
                        }
                    )
            if points:
                x, y, sd = zip(*sorted(points), strict=True)
                axes.errorbar(
                    np.add(x, aside),
                    y,
                    yerr=sd,
                    fmt=f"o{dashes}",
                    ms=3,
                    lw=1.2,
                    capsize=2,
                    label=MODE_TITLES[mode],
                )
        axes.set(xlabel="roughness", ylabel=title)
        if index == 0:
            axes.legend(frameon=False, fontsize=6, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return records


def _note(shown: Shown, *remarks: str) -> str:
    sky = shown.names.envmap(shown.files.runs[0].envmap)
    return shown.note(
        f"{sky}, seed {shown.files.runs[0].seed}. Upper halves of the maps, and their renderings; sRGB, clamped. "
        "PSNRs are of the map against the ground truth and of the rendering (picture) against the target.",
        *remarks,
    )
