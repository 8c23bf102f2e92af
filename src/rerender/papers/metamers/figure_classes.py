"""S3: what classifiers call the target, the start and every result, and how the class came about where it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rerender.catalogue import registry
from rerender.catalogue.imagenet import class_name
from rerender.papers.metamers.figure_curves import draw_legend
from rerender.papers.metamers.figure_errors import MOST_SCENES, one_light_a_scene
from rerender.papers.metamers.pictures import Pictures, first_seeds, footnote, models
from rerender.papers.metamers.runfiles import Expected, RunFiles, blocked_models
from rerender.reporting import style
from rerender.reporting.captions import Names, blocked_text, join_words
from rerender.reporting.grids import axes_at, picture_at, png_bytes, spread_indices, text_at

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = 1.25
SIDE = 0.72
VIEWS, VIEWS_ALONE = 3, 8
"""Views in a row beside the bars of classifiers, and where there is none."""
ASKED, OTHER = "#D55E00", "#b8b8b8"
CURVES = {
    "class_probability": "probability of the class",
    "loss_classification": "cross-entropy",
    "loss_reconstruction": "loss of the vision model",
}
"""Columns that a run with the classification objective leaves in its history (section 6.5)."""


def draw_classes(
    runs: Sequence[RunFiles], tier: str, expected: Sequence[Expected], names: Names
) -> tuple[Figure, pl.DataFrame]:
    """S3: a block a scene, a row target, start and each model; views, then the five likeliest classes of every classifier."""
    import polars as pl

    named = {run.scene for run in first_seeds(runs) if "imagenet_class" in Pictures(run).views}
    shown = one_light_a_scene([run for run in runs if run.scene in named])
    asked = [run for run in shown if "class_probability" in Pictures(run).trace.columns]
    note = footnote(
        tier,
        shown,
        expected,
        names,
        ["geometry"],
        *_remarks(shown, asked=bool(asked)),
        spread=False,
    )
    blocks = [
        [run for run in shown if run.scene == scene] for scene in dict.fromkeys(run.scene for run in shown)
    ]
    heights = [0.55 + (len(block) + 2) * (SIDE + 0.05) for block in blocks]
    curved = [block for block in blocks if set(block) & set(asked)]
    curves = 0.35 + 1.45 * len(curved) if asked else 0.0
    figure = style.new_figure(0.1 + (sum(heights) or 0.6) + curves + style.footnote_height(note))
    records: list[dict[str, Any]] = []
    if not blocks:
        text_at(figure, 0.06, 0.35, "No scene of this tier has a class of ImageNet.", fontsize=9)
        records.append({"scene": "", "quantity": "no scene has a class"})
    top = 0.1
    for block, height in zip(blocks, heights, strict=True):
        records += _block(figure, top, block, expected, names)
        top += height
    for block in curved:
        records += _curves(figure, top, [run for run in block if run in asked], names)
        top += 1.45
    if asked:
        draw_legend(figure, models(asked), names, top - 0.02)
    style.add_footnote(figure, note)
    return figure, pl.DataFrame(records, infer_schema_length=None)


def _remarks(shown: Sequence[RunFiles], *, asked: bool) -> list[str]:
    """Return what the footnote says of this figure alone."""
    which = f"First seeds, one light a scene, at most {MOST_SCENES} scenes that have a class of ImageNet."
    if not any("classifiers" in Pictures(run).views for run in shown):
        return [
            f"No classifier could speak here; the views are those that it would have been asked about. {which}"
        ]
    bars = (
        "Bars: probabilities of the five likeliest of ImageNet's 1000 classes, means over all views of the optimisation, "
        f"rendered with fresh noise; the object's own class in colour. {which}"
    )
    if asked:
        return [bars]
    return [bars, "No run was asked for a class (geometry.classify): they only had to be alike."]


def _block(
    figure: Figure, top: float, block: Sequence[RunFiles], expected: Sequence[Expected], names: Names
) -> list[dict[str, Any]]:
    """Draw one scene."""
    first = Pictures(block[0])
    own = int(first.views["imagenet_class"])
    star = " *" if first.assets == "standin" else ""
    title = f"{names.scene(block[0].scene)}{star} · light: {names.envmap(block[0].envmap)} · its class: {class_name(own)} ({own})"
    text_at(figure, 0.06, top + 0.1, title, fontsize=8.5, weight="bold", va="center")
    rows = [("target", "Target", "target", first), ("start", "Start", "start", first)]
    rows += [(run.model, names.model(run.model), "best", Pictures(run)) for run in block]
    classifiers = [str(name) for name in first.views.get("classifiers", ())]
    many = VIEWS if classifiers else VIEWS_ALONE
    left = LABELS + many * (SIDE + 0.03) + 0.1
    width = (style.WIDTH - left - 0.06) / max(len(classifiers), 1)
    for column, name in enumerate(classifiers):
        place = left + (column + 0.5) * width
        text_at(figure, place, top + 0.4, names.model(name), fontsize=8, weight="bold", ha="center")
    if not classifiers:
        text_at(
            figure, LABELS, top + 0.32, _why_empty(expected, names), fontsize=8, color="#666666", va="center"
        )
    records: list[dict[str, Any]] = []
    about = {"scene": block[0].scene, "envmap": block[0].envmap, "class": own}
    for number, (model, label, state, pictures) in enumerate(rows):
        here = top + 0.45 + number * (SIDE + 0.05)
        text_at(figure, 0.06, here + SIDE / 2, label, fontsize=7.5, va="center")
        views = pictures.views[state]
        for column, view in enumerate(spread_indices(len(views), many)):
            picture_at(figure, (LABELS + column * (SIDE + 0.03), here, SIDE, SIDE), views[view])
            row = {**about, "model": model, "quantity": "picture", "view": view}
            records.append({**row, "png": png_bytes(views[view])})
        for column, name in enumerate(classifiers):
            tops = pictures.views[f"classes_{state}"][column]
            axes = axes_at(figure, left + column * width + 0.05, here, width - 0.15, SIDE)
            records += _bars(axes, tops, own, {**about, "model": model, "judge": name})
    return records


def _bars(axes: Axes, tops: npt.NDArray[Any], own: int, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw the likeliest classes, the likeliest on top, each with its name in its line."""
    places = -np.arange(len(tops))
    labels = tops[:, 0].astype(int)
    colours = [ASKED if label == own else OTHER for label in labels]
    axes.barh(places, tops[:, 1], color=colours, height=0.86)
    for place, label, share in zip(places.tolist(), labels, tops[:, 1], strict=True):
        axes.text(0.012, place, class_name(int(label)), fontsize=5.8, va="center")
        axes.text(1.0, place, f"{share:.2f}", fontsize=5.8, va="center", ha="right", color="#444444")
    axes.set(xlim=(0, 1), ylim=(-len(tops) + 0.45, 0.55), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    return [
        {**about, "quantity": "probability", "rank": rank, "label": int(label), "value": float(share)}
        for rank, (label, share) in enumerate(tops, 1)
    ]


def _why_empty(expected: Sequence[Expected], names: Names) -> str:
    """Say which classifiers the tier has, and why none of them spoke."""
    known = registry.vision_models()
    reasons = {
        names.model(model): reason
        for model, reason in blocked_models(expected, "geometry").items()
        if model in known and known[model].classifies
    }
    if not reasons:
        return "The tier has no classifier among its models."
    return f"Classes by {join_words(reasons)}: {blocked_text(next(iter(reasons.values())))}"


def _curves(figure: Figure, top: float, runs: Sequence[RunFiles], names: Names) -> list[dict[str, Any]]:
    """Draw the way of the runs of one scene that were asked for a class."""
    records: list[dict[str, Any]] = []
    for column, (name, title) in enumerate(CURVES.items()):
        axes = axes_at(figure, 0.5 + column * 2.5, top + 0.3, 2.0, 0.85)
        for run in runs:
            trace = Pictures(run).trace.drop_nulls(name)
            steps, values = trace["iteration"].to_numpy(), trace[name].to_numpy()
            axes.plot(steps, values, color=style.model_colour(run.model), linewidth=0.9)
            keep = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 200)).astype(int))
            about = {"scene": run.scene, "envmap": run.envmap, "model": run.model, "quantity": name}
            records += [{**about, "step": int(steps[i]), "value": float(values[i])} for i in keep]
        axes.set_title(f"{names.scene(runs[0].scene)}: {title}", fontsize=7.5, pad=2)
        axes.tick_params(labelsize=6, length=2, pad=1)
        axes.grid(True, color="#e5e5e5", linewidth=0.5)
        axes.set_xlabel("step", fontsize=6.5, labelpad=0)
    return records
