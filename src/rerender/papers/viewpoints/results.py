"""Metric rows of the viewpoints jobs, looked up by job and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from rerender.papers.viewpoints.grid import Job
from rerender.reporting.rows import ASSETS
from rerender.reporting.tables import Cell, mean_cell

if TYPE_CHECKING:
    import polars as pl

NOT_RUN = "not run"


@dataclass(frozen=True)
class Results:
    """Job -> metric -> values in the order of cases, for one tier; and the weakest origin of each scene's files.

    `gradients` maps (scene, part, pair) -> metric -> (value, reason); `views` maps (set, number of views) -> metric -> values, one a
    room: the mean over its segments; `reasons` maps the same to why there is none. `predictions` maps (proposal, number of pictures) -> mean score, one value a room.
    """

    tier: str
    values: Mapping[Job, Mapping[str, Sequence[float | None]]]
    gradients: Mapping[tuple[str, str, str], Mapping[str, tuple[float | None, str | None]]]
    views: Mapping[tuple[str, int], Mapping[str, Sequence[float]]]
    reasons: Mapping[tuple[str, int], str]
    predictions: Mapping[tuple[str, int], Sequence[float]]
    assets: Mapping[str, str]

    def of(self, job: Job, metric: str) -> list[float]:
        """Return the values of a metric that exist."""
        return [value for value in self.values.get(job, {}).get(metric, ()) if value is not None]

    def cell(self, job: Job, metric: str) -> Cell:
        """Return mean, spread and median over cases."""
        return mean_cell(self.of(job, metric), [NOT_RUN])


def results_of(frame: pl.DataFrame, tier: str) -> Results:
    """Take the viewpoints rows of one tier from a metrics table."""
    import polars as pl

    rows = frame.filter((pl.col("paper") == "viewpoints") & (pl.col("tier") == tier)).sort(
        "seed", "scene", "representation"
    )
    values: dict[Job, dict[str, list[float | None]]] = {}
    gradients: dict[tuple[str, str, str], dict[str, tuple[float | None, str | None]]] = {}
    segments: dict[tuple[str, tuple[str, int], str], dict[str, list[float]]] = {}
    reasons: dict[tuple[str, int], str] = {}
    assets: dict[str, str] = {}
    for row in rows.iter_rows(named=True):
        scene = row["scene"]
        assets[scene] = max(assets.get(scene, ASSETS[0]), row["assets"], key=ASSETS.index)
        if row["experiment"] == "gradients":
            key = (scene, row["method"], row["representation"])
            gradients.setdefault(key, {})[row["metric"]] = (row["value"], row["reason"])
        elif row["experiment"] in ("views", "predictor"):
            if row["value"] is None:
                reasons[row["method"], row["seed"]] = row["reason"]
                continue
            place = (row["experiment"], (row["method"], row["seed"]), row["metric"])
            segments.setdefault(place, {}).setdefault(scene, []).append(row["value"])
        else:
            job = Job(row["experiment"], scene, row["method"])
            values.setdefault(job, {}).setdefault(row["metric"], []).append(row["value"])
    views: dict[tuple[str, int], dict[str, list[float]]] = {}
    predictions: dict[tuple[str, int], list[float]] = {}
    for (experiment, what, metric), rooms in segments.items():
        means = [fmean(rooms[room]) for room in sorted(rooms)]
        if experiment == "views":
            views.setdefault(what, {})[metric] = means
        else:
            predictions[what] = means
    return Results(tier, values, gradients, views, reasons, predictions, assets)
