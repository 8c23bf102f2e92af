"""Table `edits` on made-up rows: before and after, the light that was kept, and means over edits."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rerender.papers.envmaps.edit_table import COLUMNS, make_edit_table, shown_jobs
from rerender.papers.envmaps.runfiles import INITIAL, Job
from rerender.papers.envmaps.settings import VARIANTS
from rerender.papers.envmaps.tiers import TIERS
from rerender.reporting.rows import RowContext, aggregate, write_rows
from rerender.reporting.tables import Table

SETTINGS = TIERS["smoke"]
JOBS = shown_jobs(SETTINGS)
RATIOS = {"pixels": (1.0, 1.1), "rsiren_a": (1.2, 1.3)}


def value(job: Job, name: str, metric: str) -> float:
    """Return a made-up value that tells edits, representations and metrics apart."""
    number = JOBS.index(job)
    if metric == "edit/y_ratio":
        return RATIOS.get(name, (1.0, 1.0))[number]
    rank = {INITIAL: 0, "pixels": 1, "rsiren_a": 2}[name]
    return 10.0 * list(COLUMNS).index(metric) + rank + 5.0 * number


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, Path]:
    folder = tmp_path_factory.mktemp("edits")
    rows = []
    for job in JOBS:
        for name in (INITIAL, *job.representations):
            context = RowContext(
                paper="envmaps",
                experiment=job.experiment,
                scene=job.scene,
                envmap=job.envmap,
                method="transport",
                representation=name,
                variant=VARIANTS[job.mode],
                seed=job.seed,
                tier="smoke",
                backend="torch_cpu",
                device="cpu",
                run_id=job.experiment,
                code="c",
                stack="s",
                assets="standin",
            )
            rows += [context.row(metric, value(job, name, metric)) for metric in COLUMNS]
    write_rows(folder / "rows.json", rows)
    aggregate([folder / "rows.json"], folder / "metrics.parquet")
    table = make_edit_table(folder / "metrics.parquet", folder / "edits", tier="smoke", settings=SETTINGS)
    return table, folder


def test_every_edit_has_a_row_a_representation_and_all_have_their_mean(made: tuple[Table, Path]) -> None:
    data = pl.read_parquet(made[1] / "edits.parquet")
    first, second = (job.experiment.removeprefix("edit_") for job in JOBS)
    expected = [(edit, name) for edit in (first, second, "all") for name in ("pixels", "rsiren_a")]
    assert list(data.select("edit", "representation").iter_rows()) == expected
    inside = data["psnr_inside"].to_list()
    assert inside == [1.0, 2.0, 6.0, 7.0, 3.5, 4.5]
    assert data["psnr_inside_before"].to_list() == [0.0, 0.0, 5.0, 5.0, 2.5, 2.5]
    assert data["n"].to_list() == [1, 1, 1, 1, 2, 2]


def test_light_is_kept_within_its_limits(made: tuple[Table, Path]) -> None:
    data = pl.read_parquet(made[1] / "edits.parquet")
    assert data["light_kept"].to_list() == ["yes", "yes", "yes", "no", "2 of 2", "1 of 2"]


def test_the_best_of_an_edit_is_marked_and_ratios_have_none(made: tuple[Table, Path]) -> None:
    pixels, rsiren = made[0].rows[:2]
    best = {
        column.key: (a.best, b.best)
        for column, a, b in zip(made[0].columns, pixels.cells, rsiren.cells, strict=True)
    }
    assert best["psnr_inside"] == (False, True)
    assert best["map_histogram"] == (True, False)
    assert best["y_ratio"] == best["light_kept"] == (False, False)


def test_what_did_not_run_says_so(tmp_path: Path, made: tuple[Table, Path]) -> None:
    rows = pl.read_parquet(made[1] / "metrics.parquet").filter(pl.col("representation") != "rsiren_a")
    rows.write_parquet(tmp_path / "metrics.parquet")
    table = make_edit_table(tmp_path / "metrics.parquet", tmp_path / "edits", tier="smoke", settings=SETTINGS)
    assert {cell.note for cell in table.rows[1].cells} == {"not run"}
    assert "not run" in (tmp_path / "edits.md").read_text()
