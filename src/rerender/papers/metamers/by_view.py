"""Similarities and pixel errors view by view, of many scenes and lights, on scales that they share.

The relative value of a similarity is (s - start) / (ceiling - start) with the means of its scene, light and judge: 0 at the start,
1 where the target rendered again is, as in T4. That of a pixel error is its share of the mean error of the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MIN_SPAN = 1e-6
"""Smallest gap between start and ceiling that can be divided by."""
GROUP = ("scene", "envmap", "measure", "judge")
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Quantity:
    """What is compared between models: the similarity under one of them, or the pixel error."""

    id: str
    title: str
    measure: str
    judge: str = ""


PIXELS = Quantity("pixel_error", "pixel error", "pixel_error")


def similarity_under(model: str) -> Quantity:
    """Return the similarity to the target under a model."""
    return Quantity("similarity", "similarity under the model", "similarity", model)


def read_views(files: Iterable[Path]) -> pl.DataFrame | None:
    """Read and join files of values view by view and add `scene`, `envmap` (from their folders) and `relative`; None without any."""
    import polars as pl

    frames = [
        pl.read_parquet(file).with_columns(
            scene=pl.lit(file.parent.parent.name), envmap=pl.lit(file.parent.name)
        )
        for file in sorted(files)
    ]
    return relative(pl.concat(frames)) if frames else None


def relative(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the column `relative`; null where start and ceiling are equally similar."""
    import polars as pl

    def mean_of(state: str) -> pl.Expr:
        return pl.col("value").filter(pl.col("state") == state).mean().over(GROUP)

    start, span = mean_of("start"), mean_of("ceiling") - mean_of("start")
    similar = pl.when(span.abs() > MIN_SPAN).then((pl.col("value") - start) / span)
    error = pl.when(start > MIN_SPAN).then(pl.col("value") / start)
    return frame.with_columns(
        relative=pl.when(pl.col("measure") == "similarity").then(similar).otherwise(error)
    )


def values_of(
    views: pl.DataFrame | None,
    places: Sequence[tuple[str, str]],
    model: str,
    quantity: Quantity,
    state: str = "best",
) -> dict[Key, list[float]]:
    """Return the relative values of a model's runs, one a view, by scene, light and seed (0 for the ceiling, which has none)."""
    import polars as pl

    if views is None:
        return {}
    chosen = views.filter(
        (pl.col("model") == model)
        & (pl.col("state") == state)
        & (pl.col("measure") == quantity.measure)
        & (pl.col("judge") == quantity.judge)
        & pl.col("relative").is_not_null()
    ).sort("scene", "envmap", "seed", "view")
    found: dict[Key, list[float]] = {}
    for row in chosen.iter_rows(named=True):
        if (row["scene"], row["envmap"]) in places:
            found.setdefault((row["scene"], row["envmap"], row["seed"] or 0), []).append(row["relative"])
    return found


def paired(
    views: pl.DataFrame | None, places: Sequence[tuple[str, str]], models: tuple[str, str], quantity: Quantity
) -> tuple[list[list[float]], list[list[float]]]:
    """Return the values of two models' results where both have the scene, light and seed, run by run."""
    first, second = (values_of(views, places, model, quantity) for model in models)
    keys = [key for key in first if key in second]
    return [first[key] for key in keys], [second[key] for key in keys]
