"""F2 and F3: target and final renders of every scene and model, error maps on one scale, textures and scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.papers.metamers.pictures import (
    Pictures,
    first_seeds,
    footnote,
    models,
    places,
)
from rerender.papers.metamers.runfiles import Expected, RunFiles
from rerender.reporting import style
from rerender.reporting.captions import Names
from rerender.reporting.grids import (
    as_display,
    axes_at,
    colour_error,
    error_bar,
    error_map,
    picture_at,
    png_bytes,
    text_at,
)

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
MARGIN = 0.06
GAP = 0.05
HEAD = 0.42
MAX_SIDE = 1.3
MIN_WIDTH = 5.5


@dataclass
class Sheet:
    """A figure under construction: columns target, start and one a model, and the record of each picture."""

    figure: Figure
    columns: int
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def side(self) -> float:
        """Width of a picture [in]."""
        return side_of(self.columns)

    def left(self, column: int) -> float:
        """Left edge of a column [in]."""
        return MARGIN + column * (self.side + GAP)

    def text(self, column: int, top: float, text: str, **options: Any) -> None:
        """Write a line centred on a column."""
        options = {"fontsize": 7, "ha": "center", "va": "top"} | options
        text_at(self.figure, self.left(column) + self.side / 2, top, text, **options)

    def picture(
        self, column: int, top: float, image: Array, about: Mapping[str, Any], height: float | None = None
    ) -> None:
        """Show a picture in a column and keep it as a record."""
        picture_at(self.figure, (self.left(column), top, self.side, height or self.side), image)
        self.records.append({**about, "png": png_bytes(image)})


def side_of(columns: int) -> float:
    """Return the width of a picture when so many columns fill the figure [in]."""
    return min(MAX_SIDE, (style.WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns)


def sheet_width(columns: int) -> float:
    """Return the width of a figure with so many columns [in]."""
    return max(MIN_WIDTH, 2 * MARGIN + columns * side_of(columns) + (columns - 1) * GAP)


def new_sheet(columns: int, height: float, note: str, names: Sequence[str]) -> Sheet:
    """Return a sheet with column heads and footnote; `height` is that of what stands between them."""
    width = sheet_width(columns)
    sheet = Sheet(style.new_figure(HEAD + height + style.footnote_height(note, width), width), columns)
    for column, name in enumerate(names):
        sheet.text(column, HEAD - 0.08, wrap_head(name, sheet.side), fontsize=8, weight="bold", va="bottom")
    style.add_footnote(sheet.figure, note)
    return sheet


def wrap_head(name: str, side: float) -> str:
    """Break a column head over two lines where it is wider than its column."""
    import textwrap

    return "\n".join(textwrap.wrap(name, max(8, int(side * 12.5)))[:2])


# ---------------------------------------------------------------- F2


def draw_geometry(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """F2: a block a scene and light; renders above, errors below, Chamfer ratio and silhouette IoU printed."""
    import polars as pl

    shown = first_seeds(runs)
    order = models(shown)
    columns = 2 + len(order)
    side = side_of(columns)
    block = 2 * side + GAP + 0.34
    note = _gallery_note(
        shown,
        runs,
        tier,
        expected,
        names,
        "Lower rows: mean absolute error of display values, one scale for all. "
        "N× closer: Chamfer distance of the starting sphere over that of the result. IoU: of silhouettes.",
    )
    sheet = new_sheet(columns, block * len(places(shown)) + 0.3, note, _heads(order, names, "Start"))
    top = HEAD
    for scene, envmap in places(shown):
        found = [run for run in shown if (run.scene, run.envmap) == (scene, envmap)]
        _geometry_block(sheet, top, found, order, names)
        top += block
    _scale_at(sheet, top)
    return sheet.figure, pl.DataFrame(sheet.records)


def _heads(order: Sequence[str], names: Names, start: str) -> list[str]:
    return ["Target", start, *(names.model(model) for model in order)]


def _gallery_note(
    shown: Sequence[RunFiles],
    runs: Sequence[RunFiles],
    tier: str,
    expected: Sequence[Expected],
    names: Names,
    remark: str,
) -> str:
    """Return the footnote of a gallery: which view and seed are shown, and all that a footnote says."""
    held = all(Pictures(run).judged("target")[1] for run in shown)
    view = (
        "a view that the optimisation never saw" if held else "a view of the optimisation, with fresh noise"
    )
    seeds = sorted({run.seed for run in shown})
    which = f"Each picture is {view}, of seed {seeds[0]}." if len(seeds) == 1 else f"Each picture is {view}."
    families = [shown[0].family]
    return footnote(tier, runs, expected, names, families, which, remark)


def _geometry_block(
    sheet: Sheet, top: float, found: Sequence[RunFiles], order: Sequence[str], names: Names
) -> None:
    """Draw one scene under one light."""
    by_model = {run.model: Pictures(run) for run in found}
    any_run = next(iter(by_model.values()))
    about = {"scene": any_run.run.scene, "envmap": any_run.run.envmap}
    below = top + sheet.side + GAP
    target, start = (any_run.judged(which)[0][0] for which in ("target", "start"))
    star = " *" if any_run.assets == "standin" else ""
    sheet.picture(0, top, target, {**about, "model": "", "role": "target", "kind": "render", "seed": None})
    sheet.text(0, below + 0.04, names.scene(any_run.run.scene) + star, fontsize=8.5, weight="bold")
    sheet.text(0, below + 0.21, f"light: {names.envmap(any_run.run.envmap)}", color="#555555")
    _render_and_error(sheet, 1, top, start, target, {**about, "model": "", "role": "start", "seed": None})
    for column, model in enumerate(order, start=2):
        if model not in by_model:
            _empty(sheet, column, top, "not run")
            continue
        pictures = by_model[model]
        values = pictures.values
        numbers = {name: values.get(name) for name in ("chamfer_ratio", "silhouette_iou")}
        record = {**about, "model": model, "role": "result", "seed": pictures.run.seed, **numbers}
        _render_and_error(sheet, column, top, pictures.judged("best")[0][0], target, record)
        sheet.text(column, below + sheet.side + 0.03, _shape_numbers(numbers), fontsize=6.8)


def _shape_numbers(numbers: Mapping[str, float | None]) -> str:
    """Return the line under a result."""
    ratio, overlap = numbers["chamfer_ratio"], numbers["silhouette_iou"]
    parts = [f"{ratio:.1f}× closer"] if ratio is not None else []
    parts += [f"IoU {overlap:.2f}"] if overlap is not None else []
    return ", ".join(parts)


def _render_and_error(
    sheet: Sheet, column: int, top: float, image: Array, target: Array, record: Mapping[str, Any]
) -> None:
    """Show a render, and its error under it."""
    error = error_map(image, target)
    numbers = {**record, "mean_error": float(error.mean())}
    sheet.picture(column, top, image, {**numbers, "kind": "render"})
    sheet.picture(column, top + sheet.side + GAP, colour_error(error), {**numbers, "kind": "error"})


def _empty(sheet: Sheet, column: int, top: float, reason: str) -> None:
    """Leave a cell empty and say why."""
    axes = axes_at(sheet.figure, sheet.left(column), top, sheet.side, sheet.side)
    axes.set(xticks=[], yticks=[], facecolor="#f4f4f4")
    axes.spines[:].set_visible(False)
    axes.text(
        0.5, 0.5, reason, ha="center", va="center", fontsize=7, color="#777777", transform=axes.transAxes
    )


def _scale_at(sheet: Sheet, top: float) -> None:
    """Draw the error scale at the lower right."""
    width = 1.6
    place = (sheet.figure.get_size_inches()[0] - width - 0.2, top, width, 0.07)
    error_bar(sheet.figure, place, "mean absolute error of display values")


# ---------------------------------------------------------------- F3


def draw_material(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """F3: a block a scene; renders, errors, base colour beside the truth, and scalars as bars against it."""
    import polars as pl

    shown = first_seeds(runs)
    order = models(shown)
    columns = 2 + len(order)
    side = side_of(columns)
    note = _gallery_note(
        shown,
        runs,
        tier,
        expected,
        names,
        "Second rows: mean absolute error of display values, one scale for all. Third rows: base colour; "
        "texels that no view sees are pale. Bars: scalars from their start (dotted line) to the mean over "
        "seeds; dots: single seeds; green line: truth.",
    )
    heights = [_material_height(side, runs, scene) for scene, _ in places(shown)]
    sheet = new_sheet(columns, sum(heights) + 0.3, note, _heads(order, names, "Start"))
    top = HEAD
    for (scene, _), height in zip(places(shown), heights, strict=True):
        _material_block(sheet, top, [run for run in runs if run.scene == scene], order, names)
        top += height
    _scale_at(sheet, top - 0.02)
    return sheet.figure, pl.DataFrame(sheet.records, infer_schema_length=None)


BAR_HEIGHT = 0.95
LABEL_ROOM = 1.3


def _texture_height(side: float, pictures: Pictures) -> float:
    """Return the height of a base colour shown as wide as a column, 0 without one [in]."""
    texture = pictures.views.get("texture_best")
    return 0.0 if texture is None else side * min(1.0, texture.shape[0] / texture.shape[1])


def _material_height(side: float, runs: Sequence[RunFiles], scene: str) -> float:
    found = [run for run in runs if run.scene == scene]
    texture = _texture_height(side, Pictures(found[0]))
    bars = BAR_HEIGHT + 0.5 if scalar_records(found) else 0.0
    return 2 * side + GAP + (texture + GAP if texture else 0) + 0.3 + bars


def _material_block(
    sheet: Sheet, top: float, runs: Sequence[RunFiles], order: Sequence[str], names: Names
) -> None:
    """Draw one scene."""
    by_model = {run.model: Pictures(run) for run in first_seeds(runs)}
    any_run = next(iter(by_model.values()))
    about = {"scene": any_run.run.scene, "envmap": any_run.run.envmap}
    below = top + sheet.side + GAP
    third = below + sheet.side + GAP
    texture_height = _texture_height(sheet.side, any_run)
    target, start = (any_run.judged(which)[0][0] for which in ("target", "start"))
    star = " *" if any_run.assets == "standin" else ""
    sheet.picture(0, top, target, {**about, "model": "", "role": "target", "kind": "render", "seed": None})
    sheet.text(0, below + 0.04, names.scene(any_run.run.scene) + star, fontsize=8.5, weight="bold")
    _texture(
        sheet, 0, third, texture_height, any_run, "texture_target", {**about, "model": "", "role": "target"}
    )
    _render_and_error(sheet, 1, top, start, target, {**about, "model": "", "role": "start", "seed": None})
    bottom = third + (texture_height + GAP if texture_height else 0)
    for column, model in enumerate(order, start=2):
        if model not in by_model:
            _empty(sheet, column, top, "not run")
            continue
        pictures = by_model[model]
        record = {**about, "model": model, "role": "result", "seed": pictures.run.seed}
        values = {name: pictures.values.get(name) for name in ("psnr", "texture_psnr")}
        _render_and_error(sheet, column, top, pictures.judged("best")[0][0], target, {**record, **values})
        _texture(sheet, column, third, texture_height, pictures, "texture_best", record)
        sheet.text(column, bottom - 0.02, _material_numbers(values), fontsize=6.8)
    _bars(sheet, bottom + 0.3, runs, order, names)


def _material_numbers(values: Mapping[str, float | None]) -> str:
    """Return the line under a result."""
    psnr, texture = values["psnr"], values["texture_psnr"]
    parts = [f"{psnr:.1f} dB"] if psnr is not None else []
    parts += [f"texture {texture:.1f} dB"] if texture is not None else []
    return ", ".join(parts)


def _texture(
    sheet: Sheet,
    column: int,
    top: float,
    height: float,
    pictures: Pictures,
    key: str,
    record: Mapping[str, Any],
) -> None:
    """Show a base colour, pale where no view sees it."""
    texture = pictures.views.get(key)
    if texture is None:
        return
    image = as_display(texture)
    visible = pictures.views.get("texture_visible")
    if visible is not None and visible.shape == image.shape[:2]:
        image = np.where(visible[..., None], image, 0.8 + 0.2 * image)
    about = {"seed": pictures.run.seed, **record, "kind": "texture"}
    sheet.picture(column, top, image, about, height)


def scalar_records(runs: Sequence[RunFiles]) -> list[dict[str, Any]]:
    """Return one record a run and scalar parameter with a known truth: value, truth and start."""
    records = []
    for run in runs:
        values = Pictures(run).values
        for name in sorted(key.split("/", 1)[1] for key in values if key.startswith("truth/")):
            about = {"scene": run.scene, "envmap": run.envmap, "model": run.model, "seed": run.seed}
            numbers = {key: values.get(f"{key}/{name}") for key in ("value", "truth", "start")}
            records.append({**about, "role": "result", "kind": "scalar", "parameter": name, **numbers})
    return records


def _bars(sheet: Sheet, top: float, runs: Sequence[RunFiles], order: Sequence[str], names: Names) -> None:
    """Draw one panel a scalar: a bar a model, from the start to the recovered value, and the truth."""
    records = scalar_records(runs)
    sheet.records += records
    parameters = list(dict.fromkeys(record["parameter"] for record in records))
    room = sheet.figure.get_size_inches()[0] - MARGIN - LABEL_ROOM
    for index, name in enumerate(parameters):
        width = room / len(parameters)
        axes = axes_at(sheet.figure, LABEL_ROOM + index * width, top, width - 0.25, BAR_HEIGHT)
        _bar_panel(axes, [record for record in records if record["parameter"] == name], order)
        axes.set_yticks(range(len(order)), [names.model(model) for model in order] if index == 0 else [])


def _bar_panel(axes: Axes, records: Sequence[Mapping[str, Any]], order: Sequence[str]) -> None:
    """Draw the panel of one scalar."""
    truth = records[0]["truth"]
    start = truth if records[0]["start"] is None else records[0]["start"]
    for row, model in enumerate(order):
        seeds = [r["value"] for r in records if r["model"] == model and r["value"] is not None]
        if seeds:
            colour = style.model_colour(model)
            axes.barh(row, float(np.mean(seeds)) - start, left=start, color=colour, height=0.6, alpha=0.7)
            axes.plot(seeds, [row] * len(seeds), "o", color="white", markeredgecolor=colour, markersize=3.5)
    axes.axvline(truth, color="#1A7F37", linewidth=1.3)
    axes.axvline(start, color="#777777", linewidth=1, linestyle=":")
    axes.use_sticky_edges = False
    axes.margins(x=0.08)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_title(f"{records[0]['parameter']} (truth {truth:g})", fontsize=7.5, pad=3)
