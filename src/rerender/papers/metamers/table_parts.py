"""What the metamers tables share: columns of metrics, labels of scenes, and the end of every caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rerender.papers.metamers.results import Results
from rerender.papers.metamers.runfiles import Family, blocked_models
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.rows import describe_metric
from rerender.reporting.tables import Column

RUNS = "Runs"
DIGITS: Mapping[str, str] = {
    "mae": ".4f",
    "psnr": ".2f",
    "psnr_masked": ".2f",
    "texture_psnr": ".2f",
    "chamfer_l1": ".4f",
    "chamfer_ratio": ".2f",
    "loss_first": ".3g",
    "loss_best": ".3g",
    "loss_last": ".3g",
    "best_iteration": ".0f",
    "iterations": ".0f",
    "wall_s": ".0f",
    "cpu_s": ".0f",
    "peak_memory_mb": ".0f",
}
STARRED = "* a procedural stand-in replaces an asset of this scene or its light that was not to be had."


def metric_column(
    metric: str, *, key: str | None = None, beside: str = "", title: str | None = None
) -> Column:
    """Return the table column of a metric."""
    known = describe_metric(metric)
    return Column(
        key=key or metric,
        title=title or known.title,
        unit=known.unit,
        better=known.better,
        digits=DIGITS.get(metric, ".3f"),
        beside=beside,
    )


def common_caption(results: Results, names: Names, families: Sequence[Family]) -> str:
    """Return what every caption ends with: tier, seeds, inputs, blocked models."""
    places = {place for family in families for place in results.places(family)}
    blocked: dict[str, str] = {}
    for family in families:
        blocked |= blocked_models(results.expected, family)
    seeds = sorted({seed for family in families for seed in results.seeds(family)})
    return captions.sentences(
        captions.tier_sentence(results.tier),
        captions.seeds_sentence(seeds),
        captions.assets_sentence(
            {place: source for place, source in results.assets.items() if place in places}, names
        ),
        captions.blocked_sentence(blocked, names),
    )


def scene_label(scene: str, envmap: str, results: Results, names: Names) -> str:
    """Return the scene's name, starred where the scene or its light is a stand-in."""
    return names.scene(scene) + (" *" if results.assets.get((scene, envmap)) == "standin" else "")
