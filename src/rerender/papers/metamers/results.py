"""Metric rows of the metamers runs, looked up by run and metric, beside the grid that was expected.

Tables read through this, so that "blocked", "not run" and "not measured" mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from rerender.papers.metamers.runfiles import AblationCase, Expected, Family, blocked_models
from rerender.reporting.captions import blocked_text
from rerender.reporting.rows import ASSETS
from rerender.reporting.tables import NOT_APPLICABLE, Cell, mean_cell

if TYPE_CHECKING:
    import polars as pl

FAMILIES: tuple[Family, ...] = get_args(Family)
NOT_RUN = "not run"
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Results:
    """What was expected, and what was measured: run -> metric -> (value, reason), for one tier.

    `cases` and `ablations` are the same of Table T7: (scene, envmap, model) -> (variant, seed, metric) -> value.
    """

    tier: str
    expected: tuple[Expected, ...]
    values: Mapping[Expected, Mapping[str, tuple[float | None, str | None]]]
    assets: Mapping[tuple[str, str], str]
    cases: tuple[AblationCase, ...] = ()
    ablations: Mapping[tuple[str, str, str], Mapping[tuple[str, int, str], float | None]] = field(
        default_factory=dict
    )

    def runs(
        self,
        family: Family,
        *,
        scene: str | None = None,
        envmap: str | None = None,
        model: str | None = None,
    ) -> list[Expected]:
        """Return the expected runs of a family that match, in grid order."""
        return [
            run
            for run in self.expected
            if run.family == family
            and scene in (None, run.scene)
            and envmap in (None, run.envmap)
            and model in (None, run.model)
        ]

    def models(self, family: Family) -> list[str]:
        """Return the models of a family in grid order."""
        return list(dict.fromkeys(run.model for run in self.runs(family)))

    def places(self, family: Family) -> list[tuple[str, str]]:
        """Return the (scene, envmap) pairs of a family in grid order."""
        return list(dict.fromkeys((run.scene, run.envmap) for run in self.runs(family)))

    def metrics(self, family: Family) -> list[str]:
        """Return the names of all metrics measured in a family, sorted."""
        return sorted({name for run in self.runs(family) for name in self.values.get(run, {})})

    def seeds(self, family: Family | None = None) -> list[int]:
        """Return the seeds of the runs that have values."""
        return sorted({run.seed for run in self.values if family in (None, run.family)})

    def value(self, run: Expected, metric: str) -> float | None:
        """Return one value, or None."""
        return self.values.get(run, {}).get(metric, (None, None))[0]

    def why_missing(self, run: Expected, metric: str) -> str:
        """Say in a few words why a run has no value for a metric: the run's own reason, or the judge's."""
        if run.blocked:
            return blocked_text(run.blocked)
        if run not in self.values:
            return NOT_RUN
        judge = metric.rsplit("/", 1)[-1].removesuffix("_masked")
        blocked = blocked_models(self.expected, run.family)
        missing = blocked_text(blocked[judge]) if judge in blocked else NOT_MEASURED
        return self.values[run].get(metric, (None, None))[1] or missing

    def cell(self, runs: Sequence[Expected], metric: str) -> Cell:
        """Return mean and spread of a metric over runs."""
        return mean_cell(
            (self.value(run, metric) for run in runs), (self.why_missing(run, metric) for run in runs)
        )

    def optional_cell(self, runs: Sequence[Expected], metric: str) -> Cell:
        """Return the same, but a metric that finished runs do not have at all does not apply to them."""
        cell = self.cell(runs, metric)
        return Cell(note=NOT_APPLICABLE) if cell.note == NOT_MEASURED else cell


def results_of(
    frame: pl.DataFrame, expected: Iterable[Expected], tier: str, cases: Iterable[AblationCase] = ()
) -> Results:
    """Take the metamers rows of one tier from a metrics table: best state, mean over views.

    A run with values that was not expected is added at the end, never dropped.
    """
    import polars as pl

    rows = frame.filter(
        (pl.col("paper") == "metamers")
        & (pl.col("tier") == tier)
        & (pl.col("variant") == "default")
        & pl.col("view").is_null()
        & pl.col("step").is_null()
    )
    wanted = {_address(run): run for run in expected}
    values: dict[Expected, dict[str, tuple[float | None, str | None]]] = {}
    assets: dict[tuple[str, str], str] = {}
    for row in rows.iter_rows(named=True):
        if row["experiment"] not in FAMILIES:
            continue
        found = Expected(row["experiment"], row["scene"], row["envmap"], row["method"], row["seed"])
        run = wanted.setdefault(_address(found), found)
        values.setdefault(run, {})[row["metric"]] = (row["value"], row["reason"])
        place = (run.scene, run.envmap)
        assets[place] = max(assets.get(place, ASSETS[0]), row["assets"], key=ASSETS.index)
    return Results(tier, tuple(wanted.values()), values, assets, tuple(cases), _ablations(frame, tier))


def _ablations(
    frame: pl.DataFrame, tier: str
) -> dict[tuple[str, str, str], dict[tuple[str, int, str], float | None]]:
    """Return the rows of ablations by what they are of."""
    import polars as pl

    found: dict[tuple[str, str, str], dict[tuple[str, int, str], float | None]] = {}
    wanted = (pl.col("paper") == "metamers") & (pl.col("tier") == tier) & (pl.col("experiment") == "ablation")
    for row in frame.filter(wanted).iter_rows(named=True):
        place = (row["scene"], row["envmap"], row["method"])
        found.setdefault(place, {})[(row["variant"], row["seed"], row["metric"])] = row["value"]
    return found


def _address(run: Expected) -> tuple[str, str, str, str, int]:
    return (run.family, run.scene, run.envmap, run.model, run.seed)
