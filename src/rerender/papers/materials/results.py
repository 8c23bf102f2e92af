"""Metric rows of the materials jobs, looked up by job, stage and metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rerender.papers.materials.grid import Job
from rerender.reporting.rows import ASSETS
from rerender.reporting.tables import Cell, mean_cell

if TYPE_CHECKING:
    import polars as pl

NOT_RUN = "not run"
Stage = Literal["field", "texture"]
"""`field`: the networks after the coarse stage; `texture`: the textures after the fine stage."""

BySeed = Mapping[int, float]


@dataclass(frozen=True)
class Results:
    """(Job, stage) -> metric -> values by seed, for one tier; and the weakest origin of the files of each (scene, light)."""

    tier: str
    values: Mapping[tuple[Job, str], Mapping[str, BySeed]]
    assets: Mapping[tuple[str, str], str]

    def of(self, job: Job, metric: str, stage: Stage = "field") -> BySeed:
        """Return the values of a metric by seed; empty if the job did not run or has none."""
        return self.values.get((job, stage), {}).get(metric, {})

    def cell(self, job: Job, metric: str, stage: Stage = "field", missing: str = NOT_RUN) -> Cell:
        """Return mean, spread and median over seeds."""
        ran = (job, stage) in self.values
        return mean_cell(self.of(job, metric, stage).values(), [missing if ran else NOT_RUN])

    def difference(self, left: Job, right: Job, metric: str, stage: Stage = "field") -> Cell:
        """Return left minus right over the seeds that both have."""
        first, second = self.of(left, metric, stage), self.of(right, metric, stage)
        return mean_cell([first[seed] - second[seed] for seed in first if seed in second], [NOT_RUN])


def results_of(frame: pl.DataFrame, tier: str) -> Results:
    """Take the materials rows of one tier from a metrics table."""
    import polars as pl

    rows = frame.filter((pl.col("paper") == "materials") & (pl.col("tier") == tier)).sort("seed")
    values: dict[tuple[Job, str], dict[str, dict[int, float]]] = {}
    assets: dict[tuple[str, str], str] = {}
    for row in rows.iter_rows(named=True):
        place = (row["scene"], row["envmap"])
        assets[place] = max(assets.get(place, ASSETS[0]), row["assets"], key=ASSETS.index)
        if row["value"] is not None:
            job = Job(row["experiment"], row["scene"], row["envmap"], row["method"])
            found = values.setdefault((job, row["representation"]), {})
            found.setdefault(row["metric"], {})[row["seed"]] = row["value"]
    return Results(tier, values, assets)
