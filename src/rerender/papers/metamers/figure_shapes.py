"""S2: derivatives of pictures for a shift. S5: diagnostics of Large Steps and remeshing. S6: what the light does to the recovery of a shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.core.files import load_tree
from rerender.papers.metamers.figure_curves import draw_legend, plain_log_ticks
from rerender.papers.metamers.figure_errors import MOST_SCENES, one_light_a_scene
from rerender.papers.metamers.gradient_display import magnitude, signed
from rerender.papers.metamers.pictures import Pictures, first_seeds, footnote, models
from rerender.papers.metamers.runfiles import Expected, RunFiles
from rerender.papers.metamers.strips import strip_views
from rerender.reporting import style
from rerender.reporting.captions import Names
from rerender.reporting.grids import axes_at, picture_at, png_bytes, text_at
from rerender.reporting.statistics import ecdf

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

# ---------------------------------------------------------------- S5

SERIES: Mapping[str, str] = {
    "loss": "loss",
    "vertices": "vertices",
    "grad_norm": "gradient norm",
    "lr": "learning rate",
}
QUALITY = "triangle quality"


def triangle_quality(vertices: npt.NDArray[Any], faces: npt.NDArray[Any]) -> Floats:
    """Return 4 sqrt(3) A / (a^2 + b^2 + c^2) of every triangle: 1 equilateral, 0 degenerate."""
    corners = np.asarray(vertices, dtype=np.float64)[np.asarray(faces)]
    edges = np.roll(corners, -1, axis=1) - corners
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    quality: Floats = 4 * np.sqrt(3) * area / np.maximum((edges**2).sum(axis=(1, 2)), 1e-300)
    return quality


def draw_diagnostics(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """S5: a row a scene; loss, vertices, gradient norm and learning rate by step, and triangle quality of the result."""
    import polars as pl

    shown = one_light_a_scene(runs, most=len(runs))
    note = footnote(
        tier,
        shown,
        expected,
        names,
        ["geometry"],
        "First seeds, one light a scene. Steps at which the number of vertices changes are remeshings: the optimiser's moments start "
        "afresh there and the learning rate falls. Gradient norm: of the loss in the Large Steps latent. Triangle quality: "
        "share of triangles below a value of 4√3·area over the sum of squared edges, 1 for an equilateral one; grey: the start.",
        spread=False,
    )
    scenes = list(dict.fromkeys(run.scene for run in shown))
    figure = style.new_figure(0.35 + 1.42 * len(scenes) + 0.3 + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    for row, scene in enumerate(scenes):
        here = [run for run in shown if run.scene == scene]
        top = 0.4 + 1.42 * row
        title = f"{names.scene(scene)} · light: {names.envmap(here[0].envmap)}"
        text_at(figure, 0.06, top - 0.2, title, fontsize=8, weight="bold", va="center")
        for column, (name, label) in enumerate((*SERIES.items(), ("quality", QUALITY))):
            axes = axes_at(figure, 0.45 + 1.54 * column, top, 1.08, 0.85)
            draw = _quality_panel if name == "quality" else _series_panel
            records += draw(axes, here, name)
            axes.set_title(label, fontsize=7.5, pad=2)
            axes.tick_params(labelsize=6, length=2, pad=1)
            axes.grid(True, color="#e5e5e5", linewidth=0.5)
            axes.set_xlabel("step" if name in SERIES else "", fontsize=6.5, labelpad=0)
    draw_legend(figure, models(shown), names, 0.4 + 1.42 * len(scenes) - 0.12)
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _series_panel(axes: Axes, runs: Sequence[RunFiles], name: str) -> list[dict[str, Any]]:
    """Draw one column of the histories."""
    records = []
    for run in runs:
        trace = Pictures(run).trace
        if name not in trace.columns:
            continue
        steps, values = trace["iteration"].to_numpy(), trace[name].cast(float).to_numpy()
        axes.plot(steps, values, color=style.model_colour(run.model), linewidth=0.8)
        keep = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 200)).astype(int))
        about = {
            "scene": run.scene,
            "envmap": run.envmap,
            "model": run.model,
            "seed": run.seed,
            "quantity": name,
        }
        records += [{**about, "x": float(steps[i]), "y": float(values[i])} for i in keep]
    if name in ("loss", "grad_norm"):
        axes.set_yscale("log")
    return records


def _quality_panel(axes: Axes, runs: Sequence[RunFiles], name: str) -> list[dict[str, Any]]:
    """Draw the distribution of triangle quality of the starts and of the results."""
    records = []
    for run in runs:
        final = load_tree(run.final, "start", "best")
        for state, colour in (("start", "#bbbbbb"), ("best", style.model_colour(run.model))):
            values, shares = ecdf(triangle_quality(final[state]["vertices"], final[state]["faces"]))
            axes.plot(values, shares, color=colour, linewidth=0.9)
            keep = np.unique(np.linspace(0, len(values) - 1, min(len(values), 100)).astype(int))
            about = {
                "scene": run.scene,
                "envmap": run.envmap,
                "model": run.model,
                "seed": run.seed,
                "quantity": f"{name} {state}",
            }
            records += [{**about, "x": float(values[i]), "y": float(shares[i])} for i in keep]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return records


# ---------------------------------------------------------------- S2

KINDS = ("view", "raw", "magnitude", "sign")
RAW_SCALE = 0.25
"""One over the derivative that the raw picture shows as black or white about mid-grey [scene units a display range]."""


def draw_forward_gradients(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """S2: a block a scene, a row target and each model; of two views: render, raw derivative, magnitude and sign."""
    import polars as pl

    shown = [run for run in one_light_a_scene(runs) if "forward_best" in Pictures(run).views]
    note = footnote(
        tier,
        shown,
        expected,
        names,
        ["geometry"],
        "Derivative of the tone-mapped picture for a rigid shift of the shape along (1, 1, 1), silhouettes included: forward mode, 8 samples a "
        "pixel; on tiers with batched views central differences, 64 samples a pixel. Raw: mid-grey is zero, black and white are −4 and +4 display ranges a scene unit. Magnitude: length over channels, white from its "
        "root mean square on. Sign: luminance, red where the picture gets brighter, blue where darker, full colour from its root mean "
        "square on. Views of the optimisation, first seeds, one light a scene, at most "
        f"{MOST_SCENES} scenes.",
        spread=False,
    )
    blocks = [
        [run for run in shown if run.scene == scene] for scene in dict.fromkeys(run.scene for run in shown)
    ]
    side = 0.78
    height = sum(0.5 + (len(block) + 1) * (side + 0.04) for block in blocks)
    figure = style.new_figure(0.1 + max(height, 1) + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    top = 0.1
    for block in blocks:
        first = Pictures(block[0])
        title = f"{names.scene(block[0].scene)} · light: {names.envmap(block[0].envmap)}"
        text_at(figure, 0.06, top + 0.1, title, fontsize=8.5, weight="bold", va="center")
        rows = [("target", "Target", first.views["target"], first.views["forward_target"])]
        rows += [
            (
                run.model,
                names.model(run.model),
                Pictures(run).views["best"],
                Pictures(run).views["forward_best"],
            )
            for run in block
        ]
        top += 0.42
        for number, (model, label, views, gradients) in enumerate(rows):
            text_at(figure, 0.06, top + side / 2, _short(label), fontsize=7.5, va="center")
            places = strip_views(len(views))[: len(gradients)]
            for index, (view, gradient) in enumerate(zip(places, gradients, strict=True)):
                pictures = (views[view], _raw(gradient), _grey(magnitude(gradient)), signed(gradient))
                for column, (kind, picture) in enumerate(zip(KINDS, pictures, strict=True)):
                    left = 1.3 + (index * len(KINDS) + column) * (side + 0.03) + 0.12 * index
                    picture_at(figure, (left, top, side, side), picture)
                    if number == 0:
                        text_at(
                            figure, left + side / 2, top - 0.04, kind, fontsize=7, ha="center", va="bottom"
                        )
                    about = {
                        "scene": block[0].scene,
                        "envmap": block[0].envmap,
                        "model": model,
                        "view": view,
                        "kind": kind,
                    }
                    size = float(np.sqrt(np.mean(np.square(gradient, dtype=np.float64))))
                    records.append({**about, "rms": size, "png": png_bytes(picture)})
            top += side + 0.04
        top += 0.08
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _raw(gradient: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(np.clip(0.5 + 0.5 * RAW_SCALE * np.asarray(gradient, dtype=np.float32), 0, 1))


def _grey(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(values[..., None], 3, axis=-1)


# ---------------------------------------------------------------- S6

MEASURES: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("times closer\nthan the sphere", "log", lambda model: "chamfer_ratio"),
    ("silhouette IoU", "linear", lambda model: "silhouette_iou"),
    ("normalised\nown similarity", "linear", lambda model: f"similarity_normalised/{model}"),
)


def draw_lights(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """S6: targets and results of one scene under every light; then each measure by light, a line a model, a panel a scene."""
    import polars as pl

    lights = list(dict.fromkeys(run.envmap for run in runs))
    scenes = list(dict.fromkeys(run.scene for run in runs))
    note = footnote(
        tier,
        runs,
        expected,
        names,
        ["geometry"],
        f"Above: {names.scene(scenes[0])}, target and results of first seeds on a view that the optimisation never saw. Below: mean over "
        "seeds, dots are single runs. The background is part of the image, so a light is also what stands behind the object.",
    )
    order = models(runs)
    side = min(0.8, (style.WIDTH - 1.6) / (1 + len(order)))
    pictures_height = 0.35 + len(lights) * (side + 0.05)
    figure = style.new_figure(pictures_height + len(MEASURES) * 1.5 + 0.5 + style.footnote_height(note))
    records = _light_pictures(
        figure, [run for run in runs if run.scene == scenes[0]], lights, order, side, names
    )
    width = min((style.WIDTH - 0.2) / len(scenes), 3.2)
    for row, (title, scale, metric) in enumerate(MEASURES):
        for column, scene in enumerate(scenes):
            place = (0.6 + column * width, pictures_height + 0.3 + row * 1.5, width - 0.62, 0.95)
            axes = axes_at(figure, *place)
            here = [run for run in runs if run.scene == scene]
            records += _light_panel(axes, here, lights, order, metric)
            axes.set_yscale(scale)
            if scale == "log":
                plain_log_ticks(axes.yaxis, axes.get_ylim())
            slope: dict[str, Any] = (
                {"rotation": 20, "ha": "right", "fontsize": 6} if len(lights) * len(scenes) > 6 else {}
            )
            axes.set_xticks(range(len(lights)))
            axes.set_xticklabels([names.envmap(light) for light in lights], **slope)
            axes.set_xlim(-0.3, len(lights) - 0.7)
            if column == 0:
                axes.set_ylabel(title, labelpad=2, fontsize=7)
            if row == 0:
                axes.set_title(names.scene(scene), fontsize=8, weight="bold", pad=3)
            axes.grid(True, axis="y", which="both", color="#e5e5e5", linewidth=0.5)
    draw_legend(figure, order, names, pictures_height + len(MEASURES) * 1.5 + 0.08)
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _light_pictures(
    figure: Figure,
    runs: Sequence[RunFiles],
    lights: Sequence[str],
    order: Sequence[str],
    side: float,
    names: Names,
) -> list[dict[str, Any]]:
    """Draw a row a light: target, and the result of each model."""
    shown = {(run.envmap, run.model): Pictures(run) for run in first_seeds(runs)}
    records = []
    for column, head in enumerate(("Target", *(names.model(model) for model in order))):
        text_at(
            figure,
            1.3 + (column + 0.5) * (side + 0.05),
            0.26,
            _short(head),
            fontsize=7,
            ha="center",
            va="bottom",
        )
    for row, light in enumerate(lights):
        top = 0.3 + row * (side + 0.05)
        text_at(figure, 0.06, top + side / 2, names.envmap(light), fontsize=7.5, va="center")
        first = next((pictures for (where, _), pictures in shown.items() if where == light), None)
        cells = [("target", first)] + [(model, shown.get((light, model))) for model in order]
        for column, (model, pictures) in enumerate(cells):
            if pictures is None:
                continue
            image = pictures.judged("target" if model == "target" else "best")[0][0]
            picture_at(figure, (1.3 + column * (side + 0.05), top, side, side), image)
            about = {"scene": pictures.run.scene, "envmap": light, "model": model, "quantity": "picture"}
            records.append({**about, "png": png_bytes(image)})
    return records


def _short(name: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(name, 13)[:2])


def _light_panel(
    axes: Axes,
    runs: Sequence[RunFiles],
    lights: Sequence[str],
    order: Sequence[str],
    metric: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Draw one measure of one scene by light."""
    records = []
    for number, model in enumerate(order):
        shift = (number - (len(order) - 1) / 2) * 0.06
        means = []
        for light in lights:
            mine = [run for run in runs if (run.envmap, run.model) == (light, model)]
            found = [(run.seed, Pictures(run).values.get(metric(model))) for run in mine]
            values = [value for _, value in found if value is not None]
            means.append(float(np.mean(values)) if values else np.nan)
            x = lights.index(light) + shift
            axes.plot(
                [x] * len(values),
                values,
                "o",
                color=style.model_colour(model),
                markersize=2.5,
                alpha=0.6,
                markeredgewidth=0,
            )
            about = {"scene": runs[0].scene, "envmap": light, "model": model, "quantity": metric(model)}
            records += [{**about, "seed": seed, "value": value} for seed, value in found if value is not None]
        places = np.arange(len(lights)) + shift
        axes.plot(places, means, style.model_dashes(model), color=style.model_colour(model), linewidth=1.1)
    return records
