"""Metric rows of the envmaps runs, looked up by inversion and metric, beside the grid that was expected.

Tables and figures read through this, so that "blocked", "not run" and "not measured" mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rerender.papers.envmaps.runfiles import INITIAL, Expected
from rerender.papers.envmaps.settings import EXPERIMENTS, VARIANTS
from rerender.reporting.captions import blocked_text
from rerender.reporting.rows import ASSETS
from rerender.reporting.tables import Cell, mean_cell

if TYPE_CHECKING:
    import polars as pl

NOT_RUN = "not run"
NOT_MEASURED = "not measured"
MODES: Mapping[str, str] = {variant: mode for mode, variant in VARIANTS.items()}


@dataclass(frozen=True)
class Results:
    """What was expected, and what was measured: inversion -> metric -> (value, reason), for one tier.

    `assets` is the weakest origin by (scene, envmap). Rows of `initial` have every mode of their job.
    """

    tier: str
    expected: tuple[Expected, ...]
    values: Mapping[Expected, Mapping[str, tuple[float | None, str | None]]]
    assets: Mapping[tuple[str, str], str]

    def runs(self, **only: object) -> list[Expected]:
        """Return the expected inversions whose fields match, in grid order; a tuple is any of its values."""

        def fits(run: Expected) -> bool:
            pairs = ((getattr(run, field), value) for field, value in only.items())
            return all(
                found in value if isinstance(value, tuple) else found == value for found, value in pairs
            )

        return [run for run in self.expected if fits(run)]

    def starts(self, runs: Iterable[Expected]) -> list[Expected]:
        """Return the `initial` rows that belong to inversions, once each."""
        return list(dict.fromkeys(replace(run, representation=INITIAL, blocked=None) for run in runs))

    def value(self, run: Expected, metric: str) -> float | None:
        """Return one value, or None."""
        return self.values.get(run, {}).get(metric, (None, None))[0]

    def why_missing(self, run: Expected, metric: str) -> str:
        """Say in a few words why an inversion has no value for a metric."""
        if run.blocked:
            return blocked_text(run.blocked)
        if run not in self.values:
            return NOT_RUN
        return self.values[run].get(metric, (None, None))[1] or NOT_MEASURED

    def cell(self, runs: Sequence[Expected], metric: str) -> Cell:
        """Return mean and spread of a metric over inversions."""
        return mean_cell(
            (self.value(run, metric) for run in runs), (self.why_missing(run, metric) for run in runs)
        )

    def total(self, runs: Sequence[Expected], metric: str) -> Cell:
        """Return the sum of a metric over inversions, such as the number of failures."""
        mean = self.cell(runs, metric)
        return mean if mean.value is None else Cell(value=mean.value * mean.n, n=mean.n)


def results_of(frame: pl.DataFrame, expected: Iterable[Expected], tier: str) -> Results:
    """Take the envmaps inversions of one tier from a metrics table. Inversions that were not expected are left out."""
    import polars as pl

    rows = frame.filter(
        (pl.col("paper") == "envmaps")
        & (pl.col("tier") == tier)
        & pl.col("experiment").is_in(EXPERIMENTS)
        & pl.col("variant").is_in(list(MODES))
        & pl.col("view").is_null()
        & pl.col("step").is_null()
    )
    cells = tuple(expected)
    known = {address(cell): cell for cell in cells}
    for cell in cells:
        start = replace(cell, representation=INITIAL, blocked=None)
        known.setdefault(address(start), start)
    values: dict[Expected, dict[str, tuple[float | None, str | None]]] = {}
    assets: dict[tuple[str, str], str] = {}
    for row in rows.iter_rows(named=True):
        names = (row[name] for name in ("experiment", "scene", "envmap"))
        run = known.get((*names, MODES[row["variant"]], row["seed"], row["representation"]))
        if run is None:
            continue
        values.setdefault(run, {})[row["metric"]] = (row["value"], row["reason"])
        place = (run.scene, run.envmap)
        assets[place] = max(assets.get(place, ASSETS[0]), row["assets"], key=ASSETS.index)
    return Results(tier, cells, values, assets)


def address(run: Expected) -> tuple[str, str, str, str, int, str]:
    """Return what names an inversion."""
    return (run.experiment, run.scene, run.envmap, run.mode, run.seed, run.representation)
