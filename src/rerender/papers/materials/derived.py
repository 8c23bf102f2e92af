"""What only two jobs together can say: in how many pairs of fits the picture prefers the one and the material the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from rerender.core.files import atomic_path
from rerender.papers.materials.grid import Job
from rerender.papers.materials.results import Results, results_of
from rerender.papers.materials.tables import order_of
from rerender.provenance.fingerprint import combine
from rerender.reporting.rows import MetricRow, read_rows, write_table

if TYPE_CHECKING:
    import polars as pl

PAIR = ("joint", "two")
LATE = "late"
"""The experiment in which candidates of ours for the best of both methods are run on every scene."""
COMPARED = ("albedo", "roughness", "metallic", "normal")
BOTH = "both"
"""The method of rows that are about a pair."""


def collect(paths: Sequence[Path | str], out: Path | str) -> None:
    """Join files of metric rows and what is derived from them into one `metrics.parquet`."""
    frame = read_rows(paths)
    rows = [MetricRow(**row) for row in frame.to_dicts()]
    with atomic_path(out) as partial:
        write_table(partial, [*rows, *derived_rows(frame), *over_better_rows(frame)])


def derived_rows(frame: pl.DataFrame) -> list[MetricRow]:
    """Return a row `disagreement` for every scene that both methods fitted with a known light."""
    import polars as pl

    found = []
    for tier in frame["tier"].unique().sort():
        results = results_of(frame, tier)
        for job in dict.fromkeys(job for job, _ in results.values):
            if job.experiment != "known" or job.method != PAIR[0]:
                continue
            other = replace(job, method=PAIR[1])
            told = _orders(results, job, other)
            if not told:
                continue
            behind = frame.filter(
                (pl.col("experiment") == job.experiment)
                & (pl.col("scene") == job.scene)
                & (pl.col("envmap") == job.envmap)
                & pl.col("method").is_in(PAIR)
                & (pl.col("tier") == tier)
                & (pl.col("metric") == "psnr")
                & (pl.col("representation") == "field")
            ).sort("method", "seed")
            like = MetricRow(**behind.row(0, named=True))
            runs = {str(name): str(name) for name in behind["run_id"].unique().sort()}
            share = sum(one == "disagree" for one in told) / len(told)
            found.append(
                replace(
                    like,
                    method=BOTH,
                    seed=1,
                    metric="disagreement",
                    value=share,
                    unit="",
                    better="none",
                    n=len(told),
                    run_id=combine(runs)[:16],
                )
            )
    return found


def over_better_rows(frame: pl.DataFrame) -> list[MetricRow]:
    """Return rows `over_better/{channel}` of the experiment `late`: a fit's error over the smaller of both methods' mean errors."""
    import polars as pl

    found = []
    for tier in frame["tier"].unique().sort():
        results = results_of(frame, tier)
        for job in dict.fromkeys(job for job, _ in results.values if job.experiment == LATE):
            own = frame.filter(
                (pl.col("experiment") == LATE)
                & (pl.col("scene") == job.scene)
                & (pl.col("envmap") == job.envmap)
                & (pl.col("method") == job.method)
                & (pl.col("tier") == tier)
                & (pl.col("representation") == "field")
            )
            for channel in COMPARED:
                metric = f"{channel}/all"
                pair = [replace(job, experiment="known", method=name) for name in PAIR]
                errors = [list(results.of(one, metric).values()) for one in pair]
                rows = own.filter((pl.col("metric") == metric) & pl.col("value").is_not_null())
                if not all(errors):
                    continue
                better = min(fmean(values) for values in errors)
                for row in rows.sort("seed").iter_rows(named=True):
                    value = row["value"] / better if better > 0 else None
                    name = f"over_better/{channel}"
                    found.append(replace(MetricRow(**row), metric=name, value=value, unit="", better="lower"))
    return found


def _orders(results: Results, joint: Job, two: Job) -> list[str]:
    """Return for every seed of both whether picture and material agree about the better method."""
    seeds = [seed for seed in results.of(joint, "psnr") if seed in results.of(two, "psnr")]
    return [order_of(results, joint, two, seed) for seed in seeds]
