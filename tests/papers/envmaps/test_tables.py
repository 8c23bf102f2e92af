"""Tables 1 to 3 on made-up rows: right numbers in the right cells, and a reason in every empty one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from rerender.core.errors import UserError
from rerender.papers.envmaps import grid
from rerender.papers.envmaps.runfiles import INITIAL, Expected
from rerender.papers.envmaps.settings import VARIANTS, EnvmapsSettings
from rerender.papers.envmaps.tables import make_table
from rerender.papers.envmaps.tiers import TIERS
from rerender.reporting.captions import Names
from rerender.reporting.rows import MetricRow, RowContext, aggregate, write_rows
from rerender.reporting.tables import Table

CLAIMS = Path(__file__).resolve().parents[3] / "config" / "claims" / "envmaps.yaml"
SMOKE = TIERS["smoke"]
SETTINGS: EnvmapsSettings = SMOKE.model_copy(
    update={"seeds": 2, "table3": SMOKE.table3.model_copy(update={"roughness": (0.0, 0.5)})}
)
CELLS = grid.cells(SETTINGS, "weights")


def number(cell: Expected, metric: str) -> float:
    """Return a made-up value that tells runs, seeds and metrics apart."""
    base = 10.0 + 3.0 * (
        SETTINGS.table1.representations.index(cell.representation) if cell.representation != INITIAL else 9
    )
    return (
        base
        + cell.seed
        + (100.0 if metric.startswith("ren/") else 0.0)
        + (0.25 if cell.mode == "stabilised" else 0.0)
    )


def rows_of(cell: Expected) -> Iterator[MetricRow]:
    context = RowContext(
        paper="envmaps",
        experiment=cell.experiment,
        scene=cell.scene,
        envmap=cell.envmap,
        method="transport",
        representation=cell.representation,
        variant=VARIANTS[cell.mode],  # type: ignore[index]
        seed=cell.seed,
        tier="smoke",
        backend="torch_cpu",
        device="cpu",
        run_id=f"{cell.scene}-{cell.seed}",
        code="c",
        stack="s",
        assets="standin" if cell.scene.startswith("bunny") else "mirror",
    )
    for metric in ("env/psnr", "env/mse", "ren/psnr", "env/lpips_proxy"):
        yield context.row(metric, number(cell, metric))
    yield context.row("env/lpips", None, reason="blocked (weights)")
    yield context.row("ren/failed", float(cell.seed == 2))
    if cell.representation != INITIAL:
        yield context.row("collapses", 1.0)


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Metric rows of all runs but those of the horse's log-pixels."""
    folder = tmp_path_factory.mktemp("metrics")
    ran = [c for c in CELLS if c.blocked is None and (c.scene, c.representation) != ("horse", "logpix")]
    starts = dict.fromkeys(replace(cell, representation=INITIAL) for cell in ran)
    write_rows(folder / "metrics.json", [row for cell in (*starts, *ran) for row in rows_of(cell)])
    aggregate([folder / "metrics.json"], folder / "metrics.parquet")
    return folder / "metrics.parquet"


def make(metrics: Path, table: str, folder: Path) -> tuple[Table, pl.DataFrame, str]:
    stem = folder / table
    made = make_table(
        table,
        metrics,
        CLAIMS,
        stem,
        tier="smoke",
        settings=SETTINGS,
        expected=CELLS,
        names=Names(models={"siren": "SIREN!"}),
    )
    return made, pl.read_parquet(f"{stem}.parquet"), Path(f"{stem}.md").read_text()


def only(frame: pl.DataFrame, **where: str) -> dict[str, float | str | None]:
    found = frame.filter(*(pl.col(name) == value for name, value in where.items())).to_dicts()
    assert len(found) == 1
    return found[0]


def test_a_cell_is_the_mean_over_seeds_with_the_published_number_beside_it(
    metrics: Path, tmp_path: Path
) -> None:
    _, frame, text = make(metrics, "table1", tmp_path)
    row = only(frame, optimisation="paper_like", target="transport", representation="siren")
    values = [
        number(Expected("shift", "mirror_sphere", "sky_00", "paper_like", seed, "siren"), "env/psnr")
        for seed in (1, 2)
    ]
    assert row["env_psnr"] == pytest.approx(sum(values) / 2)
    assert row["env_psnr_ci95"] is not None
    assert row["n"] == 2
    assert row["env_psnr_published"] == 14.56471
    assert "SIREN!" in text and "(14.56)" in text


def test_only_runs_as_published_stand_beside_published_numbers(metrics: Path, tmp_path: Path) -> None:
    _, frame, _ = make(metrics, "table1", tmp_path)
    others = frame.filter((pl.col("optimisation") != "paper_like") | (pl.col("target") == "Mitsuba"))
    assert others.height > 0
    assert others["env_psnr_published"].null_count() == others.height


def test_the_start_is_a_row_that_is_not_compared(metrics: Path, tmp_path: Path) -> None:
    table, frame, _ = make(metrics, "table1", tmp_path)
    start = only(frame, representation=INITIAL, target="transport")
    assert start["env_psnr"] == pytest.approx(10 + 27 + 1.5)
    marked = [row.ids[-1] for row in table.rows if row.cells[0].best]
    assert marked and INITIAL not in marked


def test_missing_values_say_why_and_keep_the_published_number(metrics: Path, tmp_path: Path) -> None:
    _, first, text = make(metrics, "table1", tmp_path)
    row = only(first, optimisation="paper_like", target="transport", representation="siren")
    assert (row["env_lpips"], row["env_lpips_note"]) == (None, "blocked (weights)")
    assert row["env_lpips_published"] == 0.62082
    assert "blocked (weights) (0.621)" in text
    blocked = only(first, optimisation="paper_like", target="transport", representation="rsiren_a_dists")
    assert blocked["note"] == "blocked (weights)"
    _, second, _ = make(metrics, "table2", tmp_path)
    assert only(second, optimisation="paper_like", representation="logpix")["note"] == "not run"


def test_failures_and_collapses_are_counted(metrics: Path, tmp_path: Path) -> None:
    _, frame, _ = make(metrics, "table1", tmp_path)
    row = only(frame, optimisation="stabilised", target="transport", representation="pixels")
    assert (row["failed"], row["collapses"]) == (1.0, 2.0)
    assert only(frame, representation=INITIAL, target="transport")["collapses_note"] == "not applicable"


def test_table_3_has_a_row_for_each_roughness_with_its_own_published_number(
    metrics: Path, tmp_path: Path
) -> None:
    _, frame, text = make(metrics, "table3", tmp_path)
    asked = {"optimisation": "paper_like", "representation": "rsiren_a"}
    assert only(frame, roughness="0", **asked)["env_psnr_published"] == 11.77427
    assert only(frame, roughness="0.5", **asked)["env_psnr_published"] == 11.37157
    assert "procedural stand-ins for runs under sky_00" in text


def test_an_unknown_table_is_refused(metrics: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="table1"):
        make(metrics, "table9", tmp_path)
