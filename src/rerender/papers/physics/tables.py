"""Table 1 of ∇Sim: errors of an estimated mass by approach, ours with the published value beside it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rerender.core.errors import unknown_name
from rerender.papers.physics.grid import RIGID_MASS, Expected
from rerender.papers.physics.settings import PhysicsSettings
from rerender.reporting import captions
from rerender.reporting.captions import Names
from rerender.reporting.published import Tables, load_published, published_by_run
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import (
    NOT_APPLICABLE,
    Cell,
    Column,
    Row,
    Table,
    mark_best,
    mean_cell,
    write_table,
)

if TYPE_CHECKING:
    import polars as pl

VARIANT_TITLES: Mapping[str, str] = {
    "default": "8-bit frames",
    "ideal": "frames as rendered",
    "noise": "frames with noise",
    "fine": "truth with half the step",
}
COLUMNS: tuple[tuple[str, Column], ...] = (
    ("abs_error/mass", Column("abs_error", "Absolute error", "kg", "lower", ".2e", "published")),
    ("rel_error/mass", Column("rel_error", "Relative error", "", "lower", ".2e", "published")),
    ("rel_error/mass", Column("rel_error_med", "Median relative error", "", "lower", ".2e")),
    (
        "rel_error_start/mass",
        Column("rel_error_start", "Relative error of the first guess", "", "none", ".2e"),
    ),
    ("evaluations", Column("evaluations", "Evaluations", "", "none", ".0f")),
)
SEARCHES = ("gradsim", "diffphysics")
ROWS = ("average", "random", "diffphysics", "gradsim")
"""The paper's order."""
ONE_FOR_ALL = ("average", "random", "diffphysics")
"""Methods that see no frames: one row for all variants."""

Values = Mapping[Expected, Mapping[str, float | None]]


def make_table(
    table_id: str,
    metrics: Path | str,
    published: Path | str,
    out_stem: Path | str,
    *,
    tier: str,
    settings: PhysicsSettings,
    expected: Iterable[Expected],
    names: Names | None = None,
) -> Table:
    """Make `table1` from `metrics.parquet` and the claims file `published`; write four formats."""
    if table_id != "table1":
        raise unknown_name("physics table", table_id, ("table1",))
    values = values_of(read_metrics(metrics), expected, tier)
    table = mark_best(build_table1(values, settings, load_published(published), names or Names(), tier))
    write_table(table, out_stem)
    return table


def values_of(frame: pl.DataFrame, expected: Iterable[Expected], tier: str) -> Values:
    """Return the measured values of every expected estimate; none where it did not run."""
    import polars as pl

    rows = frame.filter((pl.col("paper") == "physics") & (pl.col("tier") == tier))
    found: dict[Expected, dict[str, float | None]] = {cell: {} for cell in expected}
    for row in rows.iter_rows(named=True):
        cell = Expected(row["experiment"], row["scene"], row["method"], row["variant"], row["seed"])
        if cell in found:
            found[cell][row["metric"]] = row["value"]
    return found


def build_table1(
    values: Values, settings: PhysicsSettings, published: Tables, names: Names, tier: str
) -> Table:
    """Return the table: baselines, 3D supervision, then video by what the frames are."""
    part = settings.rigid_mass
    rows = []
    for method in ROWS:
        variants = part.variants[:1] if method in ONE_FOR_ALL else part.variants
        for variant in variants if method in part.methods else ():
            runs = [
                run
                for run in values
                if (run.experiment, run.method, run.variant) == (RIGID_MASS, method, variant)
            ]
            seen = "–" if method in ONE_FOR_ALL else VARIANT_TITLES[variant]
            rows.append(
                Row(
                    labels=(names.model(method), seen),
                    ids=(method, "" if method in ONE_FOR_ALL else variant),
                    cells=tuple(_cell(values, runs, index, published) for index in range(len(COLUMNS))),
                    group="all",
                )
            )
    return Table(
        "table1",
        "Table 1. Mass of a rigid body from video.",
        captions.sentences(
            f"Mean ± one sample standard deviation over objects ({len(part.shapes)} shapes, as often as there are seeds), "
            f"of masses between {part.mass[0]:g} and {part.mass[1]:g} kg; medians and 95% t-intervals are in the CSV. Errors are of the total mass: "
            "the published absolute column mixes it with the mass of one vertex. In parentheses: the value that the paper printed, "
            "beside 8-bit frames, though the paper compared frames as they were rendered.",
            f"Frames of {settings.raster.size} × {settings.raster.size} pixels, every {part.frame_every} of {part.fps} a second. "
            f"Searches start from the best of the first guess and {part.scan} masses of the domain: {part.search.iterations} steps of Adam and "
            f"{part.search.finish} of L-BFGS. Truth and estimate share simulator and renderer, as in the paper; the rows below 8-bit frames loosen that.",
            captions.tier_sentence(tier),
            captions.seeds_sentence(sorted({run.seed for run, found in values.items() if found})),
        ),
        ("approach", "target"),
        ("Approach", "Target"),
        tuple(column for _, column in COLUMNS),
        tuple(rows),
        "Objects",
    )


def _cell(values: Values, runs: Sequence[Expected], index: int, published: Tables) -> Cell:
    """Return one cell; the median column has the median alone."""
    metric, column = COLUMNS[index]
    numbers = [value for run in runs if (value := values[run].get(metric)) is not None]
    if column.key == "evaluations" and runs and runs[0].method not in SEARCHES:
        return Cell(note=NOT_APPLICABLE)
    if column.key == "rel_error_med":
        return Cell(value=statistics.median(numbers), n=len(numbers)) if numbers else mean_cell([])
    cell = mean_cell(numbers)
    if not column.beside or runs[0].variant not in ("default",):
        return cell
    where = {"experiment": RIGID_MASS, "method": runs[0].method}
    return replace(cell, beside=published_by_run(published, "table1", metric, **where))
