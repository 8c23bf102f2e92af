"""S1: pixel errors of every model on many views, all on one fixed colour scale. S4: slices through the BSDFs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.papers.metamers.figure_overview import example
from rerender.papers.metamers.pictures import Pictures, first_seeds, footnote, models, places
from rerender.papers.metamers.runfiles import Expected, RunFiles
from rerender.rendering.bsdf_slices import AZIMUTHS, INCIDENT_DEG, POLAR
from rerender.reporting import style
from rerender.reporting.captions import Names
from rerender.reporting.grids import (
    axes_at,
    colour_error,
    error_bar,
    error_map,
    picture_at,
    png_bytes,
    spread_indices,
    text_at,
)

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# ---------------------------------------------------------------- S1

VIEWS = 8
LABELS = 1.35
MOST_SCENES = 3
"""Scenes of a family in a figure of many pictures; more would not fit on a page. The rest is in `views.npz`."""


def one_light_a_scene(runs: Sequence[RunFiles], most: int = MOST_SCENES) -> list[RunFiles]:
    """Return first seeds under one light of each scene: a light with structure where there is one; the first scenes of each family."""
    kept = []
    scenes: dict[str, list[str]] = {}
    for run in runs:
        found = scenes.setdefault(run.family, [])
        if run.scene not in found and len(found) < most:
            found.append(run.scene)
    for scene in itertools.chain.from_iterable(scenes.values()):
        here = [run for run in first_seeds(runs) if run.scene == scene]
        light = example(here).envmap
        kept += [run for run in here if run.envmap == light]
    return kept


def draw_errors(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """S1: a block a scene, a row a model, a column a view."""
    import polars as pl

    shown = one_light_a_scene(runs)
    note = footnote(
        tier,
        shown,
        expected,
        names,
        list(dict.fromkeys(run.family for run in shown)),
        "Mean absolute error of display values against the target, on views of the optimisation rendered with fresh noise; "
        "one colour scale for all pictures, models and scenes. Number: mean over all views. First row of a scene: the target. At most "
        f"{MOST_SCENES} scenes of each family.",
        spread=False,
    )
    side = (style.WIDTH - LABELS - 0.55) / VIEWS
    blocks = [[run for run in shown if (run.scene, run.envmap) == place] for place in places(shown)]
    height = sum((len(block) + 2) * (side + 0.03) + 0.34 for block in blocks)
    figure = style.new_figure(0.1 + height + 0.3 + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    top = 0.1
    for block in blocks:
        first = block[0]
        light = f" · light: {names.envmap(first.envmap)}" if first.family == "geometry" else ""
        star = " *" if Pictures(first).assets == "standin" else ""
        title = f"{names.scene(first.scene)}{star}{light}"
        text_at(figure, 0.06, top + 0.12, title, fontsize=8.5, weight="bold", va="center")
        top += 0.26
        target = Pictures(first).views["target"]
        chosen = spread_indices(len(target), VIEWS)
        lines = [
            ("Target", None, target[chosen]),
            ("Start", error_map(Pictures(first).views["start"], target), None),
        ]
        lines += [
            (names.model(run.model), error_map(Pictures(run).views["best"], target), None) for run in block
        ]
        ids = ["target", "start", *(run.model for run in block)]
        for (label, error, pictures), model in zip(lines, ids, strict=True):
            about = {"scene": first.scene, "envmap": first.envmap, "model": model}
            text_at(figure, 0.06, top + side / 2, label, fontsize=7.5, va="center")
            tiles = list(pictures) if pictures is not None else []
            if error is not None:
                tiles = [colour_error(error[view]) for view in chosen]
            for column, (view, tile) in enumerate(zip(chosen, tiles, strict=True)):
                picture_at(figure, (LABELS + column * (side + 0.02), top, side, side), tile, edge="#dddddd")
                mean = None if error is None else float(error[view].mean())
                records.append({**about, "view": int(view), "mean_error": mean, "png": png_bytes(tile)})
            if error is not None:
                left = LABELS + len(chosen) * (side + 0.02) + 0.04
                text_at(figure, left, top + side / 2, f"{float(error.mean()):.3f}", fontsize=7, va="center")
            top += side + 0.03
        top += 0.08
    error_bar(figure, (style.WIDTH - 1.8, top, 1.6, 0.07), "mean absolute error of display values")
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


# ---------------------------------------------------------------- S4

SLICE_MAX = 0.25
"""Upper end of the scale of BSDF slices [1/sr]: above a white diffuse surface, below any highlight."""


def draw_slices(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """S4: a block a material, columns target and models, a row an incident angle; transmission below reflection."""
    import polars as pl

    shown = [run for run in first_seeds(runs) if "slices_best" in Pictures(run).views]
    note = footnote(
        tier,
        runs,
        expected,
        names,
        ["material"],
        "BSDF times cosine over all outgoing directions, projected on the disc with radius sin θ, log(1 + value), luminance, one "
        "scale for all; textures at their mean colour. Light comes from the left, its angle from the normal is written "
        "at the row. Upper disc: reflection; lower disc, where there is any: transmission. Number: root mean square difference to "
        "the target over all angles.",
    )
    columns = 1 + max(len(models(shown)), 1)
    side = min(1.0, (style.WIDTH - 0.75) / columns - 0.06)
    blocks = [[run for run in shown if run.scene == scene] for scene, _ in places(shown)]
    halves = [2 if _transmits(block) else 1 for block in blocks]
    heights = [0.55 + len(INCIDENT_DEG) * half * (side + 0.06) for half in halves]
    width = max(5.5, 0.75 + columns * (side + 0.06))
    figure = style.new_figure(0.1 + sum(heights) + 0.4 + style.footnote_height(note, width), width)
    records: list[dict[str, Any]] = []
    top = 0.1
    for block, half, height in zip(blocks, halves, heights, strict=True):
        records += _slice_block(figure, top, block, half, side, names)
        top += height
    _slice_bar(figure, (width - 1.9, top + 0.02, 1.6, 0.07))
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _slice_bar(figure: Figure, place: tuple[float, float, float, float]) -> None:
    """Draw the colour bar of the slices."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import FuncNorm

    scale = FuncNorm((np.log1p, np.expm1), 0, SLICE_MAX)
    axes = axes_at(figure, *place)
    bar = figure.colorbar(ScalarMappable(scale, "plasma"), cax=axes, orientation="horizontal", extend="max")
    bar.set_ticks([0, 0.05, 0.1, 0.15, 0.25])
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    bar.set_label("f · cos θ [1/sr]", fontsize=6.5, labelpad=1)


def _transmits(block: Sequence[RunFiles]) -> bool:
    """Return whether target or any result sends light through."""
    slices = [
        Pictures(block[0]).views["slices_target"],
        *(Pictures(run).views["slices_best"] for run in block),
    ]
    return any(float(one[:, POLAR:].max()) > 1e-3 for one in slices)


def _slice_block(
    figure: Figure, top: float, block: Sequence[RunFiles], halves: int, side: float, names: Names
) -> list[dict[str, Any]]:
    """Draw one material."""
    first = Pictures(block[0])
    star = " *" if first.assets == "standin" else ""
    text_at(
        figure, 0.06, top + 0.1, names.scene(block[0].scene) + star, fontsize=8.5, weight="bold", va="center"
    )
    columns: list[tuple[str, str, npt.NDArray[Any], float | None]] = [
        ("target", "Target", first.views["slices_target"], None)
    ]
    for run in block:
        pictures = Pictures(run)
        error = pictures.values.get("bsdf_slice_error")
        columns.append((run.model, names.model(run.model), pictures.views["slices_best"], error))
    records = []
    for column, (model, label, slices, error) in enumerate(columns):
        left = 0.6 + column * (side + 0.06)
        number = "" if error is None else f"\n{error:.3f}"
        text_at(figure, left + side / 2, top + 0.48, label + number, fontsize=7, ha="center", va="bottom")
        for row, angle in enumerate(INCIDENT_DEG):
            for half in range(halves):
                above = top + 0.5 + (row * halves + half) * (side + 0.06)
                values = slices[row, half * POLAR : (half + 1) * POLAR]
                _disc(axes_at(figure, left, above, side, side), values)
                if column == 0:
                    text = f"{angle:.0f}°" if half == 0 else "through"
                    text_at(figure, 0.5, above + side / 2, text, fontsize=7, ha="right", va="center")
                about = {
                    "scene": block[0].scene,
                    "model": model,
                    "incident_deg": angle,
                    "side": ("reflected", "transmitted")[half],
                }
                records.append(
                    {**about, "largest": float(values.max()), "mean": float(values.mean()), "error": error}
                )
    return records


def _disc(axes: Axes, values: npt.NDArray[Any]) -> None:
    """Draw a hemisphere (T, P) on the unit disc, radius sin theta."""
    edges = np.sin(np.linspace(0, np.pi / 2, POLAR + 1))
    turns = np.linspace(0, 2 * np.pi, AZIMUTHS + 1)
    radius, turn = np.meshgrid(edges, turns, indexing="ij")
    axes.pcolormesh(
        radius * np.cos(turn),
        radius * np.sin(turn),
        np.log1p(np.clip(values, 0, None)),
        cmap="plasma",
        vmin=0,
        vmax=float(np.log1p(SLICE_MAX)),
        rasterized=True,
    )
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.axis("off")
