"""Metric rows: the schema is enforced on write and on read, and files come out the same whatever the order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rerender.reporting.rows import (
    COLUMNS,
    MetricRow,
    RowContext,
    SchemaError,
    aggregate,
    describe_metric,
    polars_schema,
    read_metrics,
    read_rows,
    write_rows,
    write_table,
)

CONTEXT = RowContext(
    paper="metamers",
    experiment="geometry",
    scene="suzanne",
    envmap="constant",
    method="mae",
    representation="large_steps",
    seed=1,
    tier="smoke",
    backend="llvm_ad_rgb",
    device="cpu",
    run_id="r1",
    code="c",
    stack="s",
    assets="mirror",
)


def test_context_fills_unit_and_direction_from_the_metric() -> None:
    row = CONTEXT.row("psnr", 21.5, n=8)
    assert (row.unit, row.better, row.n, row.view, row.step) == ("dB", "higher", 8, None, None)
    assert CONTEXT.row("mae_masked", 0.1).better == "lower"
    assert CONTEXT.row("similarity_normalised/ssim", 0.9).better == "higher"
    assert CONTEXT.row("abs_error/eta", 0.1, unit="K").unit == "K"


def test_describe_metric_names_families_and_unknown_metrics() -> None:
    assert describe_metric("psnr_masked").title == "PSNR (masked)"
    assert describe_metric("similarity/ssim").title == "Similarity: ssim"
    assert describe_metric("something_new").title == "something_new"


def test_round_trip_keeps_every_field(tmp_path: Path) -> None:
    rows = [
        CONTEXT.row("psnr", 21.5, view=3, step=40),
        CONTEXT.row("psnr", 22.5),
        CONTEXT.row("lpips", None, reason="blocked (weights)"),
    ]
    write_rows(tmp_path / "metrics.json", rows)
    frame = read_rows(tmp_path / "metrics.json")
    assert frame.columns == list(COLUMNS)
    assert dict(frame.schema) == polars_schema()
    back = [MetricRow(**row) for row in frame.to_dicts()]
    assert sorted(back, key=repr) == sorted(rows, key=repr)


def test_integral_values_stay_float64(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.json", [CONTEXT.row("vertices", 642)])
    path = tmp_path / "b.json"
    path.write_text(json.dumps([{**json.loads((tmp_path / "a.json").read_text())[0], "value": 642}]))
    assert read_rows(path)["value"].dtype == pl.Float64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": None}, "null without a reason"),
        ({"value": float("nan")}, "finite"),
        ({"value": float("inf")}, "finite"),
        ({"value": True}, "finite"),
        ({"value": "1.0"}, "finite"),
        ({"better": "up"}, "allowed: higher, lower, none"),
        ({"assets": "fake"}, "allowed: original, mirror, standin"),
        ({"seed": None}, "seed is None"),
        ({"seed": 1.0}, "seed is 1.0"),
        ({"view": "0"}, "view is '0'"),
        ({"n": 0}, "at least 1"),
        ({"scene": ""}, "scene is ''"),
        ({"reason": 3}, "reason is 3"),
    ],
)
def test_bad_fields_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match="psnr") as caught:
        replace(CONTEXT.row("psnr", 1.0), **change)
    assert message in str(caught.value)


def test_a_file_is_checked_on_read_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_rows(path, [CONTEXT.row("mae", 0.1), CONTEXT.row("psnr", 20.0)])
    rows = json.loads(path.read_text())
    rows[1]["unti"] = rows[1].pop("unit")
    path.write_text(json.dumps(rows))
    with pytest.raises(SchemaError) as caught:
        read_rows(path)
    text = str(caught.value)
    assert "row 1" in text
    assert "missing column unit" in text
    assert "unknown column unti" in text
    assert "snakemake" in caught.value.hint


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[3]"])
def test_a_file_that_is_no_list_of_rows_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(SchemaError, match=r"metrics\.json"):
        read_rows(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"absent\.json"):
        read_rows([tmp_path / "absent.json"])


def test_repeats_are_refused_in_one_file_and_between_files(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="same value"):
        write_rows(tmp_path / "a.json", [CONTEXT.row("mae", 0.1), CONTEXT.row("mae", 0.2)])
    assert not (tmp_path / "a.json").exists()
    for name in ("a", "b"):
        write_rows(tmp_path / f"{name}.json", [CONTEXT.row("mae", 0.1)])
    with pytest.raises(SchemaError, match="same value"):
        read_rows([tmp_path / "a.json", tmp_path / "b.json"])


def test_views_steps_seeds_and_tiers_tell_values_apart(tmp_path: Path) -> None:
    rows = [
        CONTEXT.row("mae", 0.1),
        CONTEXT.row("mae", 0.1, view=0),
        CONTEXT.row("mae", 0.1, step=0),
        replace(CONTEXT, seed=2).row("mae", 0.1),
        replace(CONTEXT, tier="laptop").row("mae", 0.1),
    ]
    write_rows(tmp_path / "a.json", rows)
    assert read_rows(tmp_path / "a.json").height == 5


def test_a_table_of_many_runs_is_joined_like_files_of_rows(tmp_path: Path) -> None:
    mine = [CONTEXT.row(name, 0.5, view=view) for name in ("ssim", "mae") for view in (None, 2)]
    write_table(tmp_path / "a.parquet", mine[::-1])
    write_table(tmp_path / "b.parquet", mine)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    write_rows(tmp_path / "c.json", [replace(CONTEXT, seed=2).row("mae", 0.5)])
    assert read_rows([tmp_path / "a.parquet", tmp_path / "c.json"]).height == 5
    with pytest.raises(SchemaError, match="the files together"):
        read_rows([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    with pytest.raises(SchemaError, match="no metric rows"):
        write_table(tmp_path / "d.parquet", [])


def test_no_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no metric rows"):
        write_rows(tmp_path / "a.json", [])


def test_files_stay_below_one_megabyte(tmp_path: Path) -> None:
    rows = [CONTEXT.row("mae", 0.5, view=view) for view in range(4000)]
    with pytest.raises(SchemaError, match="1 MB"):
        write_rows(tmp_path / "a.json", rows)
    write_rows(tmp_path / "b.json", rows[:1000])
    assert (tmp_path / "b.json").stat().st_size < 1_000_000


def test_order_of_rows_and_files_does_not_matter(tmp_path: Path) -> None:
    rows = [CONTEXT.row(name, 0.5, view=view) for name in ("ssim", "mae") for view in (None, 2, 10)]
    write_rows(tmp_path / "a.json", rows)
    write_rows(tmp_path / "b.json", rows[::-1])
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    other = [replace(CONTEXT, seed=2).row("mae", 0.5)]
    write_rows(tmp_path / "c.json", other)
    one = aggregate([tmp_path / "a.json", tmp_path / "c.json"], tmp_path / "1.parquet")
    two = aggregate([tmp_path / "c.json", tmp_path / "a.json"], tmp_path / "2.parquet")
    assert one.equals(two)
    assert one["view"].to_list() == [2, 2, 10, 10, None, None, None]
    assert one["metric"].to_list()[:2] == ["mae", "ssim"]
    assert read_metrics(tmp_path / "1.parquet").equals(one)


def _broken(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    if kind == "column":
        return frame.drop("unit")
    if kind == "type":
        return frame.with_columns(pl.col("seed").cast(pl.String))
    if kind == "silent":
        return frame.with_columns(pl.lit(None, pl.Float64).alias("value"))
    if kind == "infinite":
        return frame.with_columns(pl.lit(float("nan")).alias("value"))
    return pl.concat([frame, frame])


@pytest.mark.parametrize("kind", ["column", "type", "silent", "infinite", "repeat"])
def test_a_broken_metrics_table_is_refused(tmp_path: Path, kind: str) -> None:
    write_rows(tmp_path / "a.json", [CONTEXT.row("mae", 0.1)])
    frame = aggregate([tmp_path / "a.json"], tmp_path / "metrics.parquet")
    _broken(frame, kind).write_parquet(tmp_path / "broken.parquet")
    with pytest.raises(SchemaError, match=r"broken\.parquet"):
        read_metrics(tmp_path / "broken.parquet")


def test_something_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("hello")
    with pytest.raises(SchemaError, match="cannot be read"):
        read_metrics(tmp_path / "x.parquet")
