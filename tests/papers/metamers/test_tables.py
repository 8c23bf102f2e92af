"""T1 to T6 and T8 on a made-up results tree: right numbers in the right cells, and a reason in every empty one."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rerender.core.errors import UserError
from rerender.papers.metamers.results import results_of
from rerender.papers.metamers.runfiles import Expected
from rerender.papers.metamers.tables import make_table
from rerender.reporting.rows import read_metrics
from rerender.reporting.tables import Table


def make(synthetic: Any, table_id: str, folder: Path, **options: Any) -> tuple[Table, pl.DataFrame, str]:
    """Make a table; return it, its Parquet and its Markdown."""
    stem = folder / table_id
    settings = {"tier": "smoke", "expected": synthetic.expected, "names": synthetic.names} | options
    table = make_table(table_id, synthetic.metrics, stem, **settings)
    return table, pl.read_parquet(f"{stem}.parquet"), Path(f"{stem}.md").read_text()


def only(frame: pl.DataFrame, **where: str) -> dict[str, Any]:
    """Return the one row that matches."""
    found = frame.filter(*(pl.col(name) == value for name, value in where.items())).to_dicts()
    assert len(found) == 1
    return found[0]


def measured(synthetic: Any, **where: Any) -> list[float]:
    """Return values from metrics.parquet."""
    rows = pl.read_parquet(synthetic.metrics).filter(
        *(pl.col(name) == value for name, value in where.items())
    )
    return rows["value"].to_list()


def test_t1_has_a_row_for_every_run_and_one_for_the_seeds_of_a_blocked_cell(
    synthetic: Any, tmp_path: Path
) -> None:
    _, frame, text = make(synthetic, "t1", tmp_path)
    runnable = [cell for cell in synthetic.expected if cell.blocked is None]
    assert frame.height == len(runnable) + 4
    row = only(frame, scene="suzanne", model="mae", seed="2")
    address = {"scene": "suzanne", "method": "mae", "seed": 2}
    assert [row["loss_best"]] == measured(synthetic, metric="loss_best", **address)
    assert [row["own_similarity"]] == measured(synthetic, metric="similarity/mae", **address)
    assert row["own_similarity_normalised"] == pytest.approx(0.91)
    assert row["stop_reason"] == "all iterations done"
    blocked = only(frame, scene="dragon", model="lpips")
    assert (blocked["seed"], blocked["note"], blocked["wall_s"]) == ("all", "blocked (weights)", None)
    assert "LPIPS (VGG-16) | all | blocked (weights)" in text


def test_t1_marks_a_model_that_never_judges(synthetic: Any, tmp_path: Path) -> None:
    _, frame, _ = make(synthetic, "t1", tmp_path)
    row = only(frame, scene="diffuse", model="dual_buffer", seed="1")
    assert row["own_similarity"] is None
    assert row["own_similarity_note"] == "not applicable"


def test_t2_averages_over_seeds_and_scenes(synthetic: Any, tmp_path: Path) -> None:
    table, frame, text = make(synthetic, "t2", tmp_path)
    row = only(frame, scene="suzanne", model="ssim")
    values = measured(synthetic, scene="suzanne", method="ssim", metric="chamfer_ratio")
    assert len(values) == row["n"] == 2
    assert row["chamfer_ratio"] == pytest.approx(sum(values) / 2)
    assert row["chamfer_ratio_sd"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    everything = only(frame, scene="all", model="ssim")
    assert everything["n"] == 4
    values = measured(synthetic, experiment="geometry", method="ssim", metric="silhouette_iou")
    assert everything["silhouette_iou"] == pytest.approx(sum(values) / 4)
    best = [row.labels for row in table.rows if row.cells[1].best]
    assert [labels[2] for labels in best] == ["Pixel MAE"] * 3
    assert "Dragon *" in text
    assert "Suzanne *" not in text


def test_t2_says_why_lpips_and_blocked_models_have_no_number(synthetic: Any, tmp_path: Path) -> None:
    _, frame, text = make(synthetic, "t2", tmp_path)
    assert only(frame, scene="suzanne", model="mae")["lpips_note"] == "blocked (weights)"
    assert only(frame, scene="suzanne", model="lpips")["note"] == "blocked (weights)"
    assert "Blocked (weights): LPIPS (VGG-16) – pretrained weights" in text
    assert "procedural stand-ins (marked *) for Dragon" in text
    assert "2 seeds" in text
    assert "Smoke tier" in text


def test_t3_has_the_truth_beside_the_recovered_value(synthetic: Any, tmp_path: Path) -> None:
    _, frame, text = make(synthetic, "t3", tmp_path)
    row = only(frame, scene="translucent", model="dual_buffer")
    values = measured(synthetic, scene="translucent", method="dual_buffer", metric="value/eta")
    assert row["value_eta"] == pytest.approx(sum(values) / 2)
    assert row["value_eta_truth"] == 1.49
    assert f"{row['value_eta']:.3f} ± {row['value_eta_sd']:.3f} (1.490)" in text
    diffuse = only(frame, scene="diffuse", model="dual_buffer")
    assert diffuse["value_eta_note"] == "not applicable"
    assert diffuse["texture_psnr"] > 25
    assert row["texture_psnr_note"] == "not applicable"


def test_t4_is_a_matrix_with_references_and_blocked_judges(synthetic: Any, tmp_path: Path) -> None:
    table, frame, text = make(synthetic, "t4", tmp_path)
    assert [column.key for column in table.columns] == ["mae", "ssim", "lpips"]
    row = only(frame, family="geometry", model="ssim")
    values = measured(synthetic, experiment="geometry", method="ssim", metric="similarity_normalised/mae")
    raw = measured(synthetic, experiment="geometry", method="ssim", metric="similarity/mae")
    assert row["mae"] == pytest.approx(sum(values) / 4)
    assert row["mae_raw"] == pytest.approx(sum(raw) / 4)
    assert row["lpips_note"] == "blocked (weights)"
    assert only(frame, family="geometry", model="lpips")["note"] == "blocked (weights)"
    assert only(frame, family="material", model="ssim")["mae_note"] == "not applicable"
    start = only(frame, family="geometry", model="(start)")
    assert (start["mae"], start["mae_raw"]) == (0.0, pytest.approx(0.6))
    again = only(frame, family="geometry", model="(target again)")
    assert (again["ssim"], again["ssim_raw"]) == (1.0, pytest.approx(0.99))
    assert "dual_buffer" not in [column.key for column in table.columns]
    assert "by SSIM ↑" in text


def test_runs_that_did_not_finish_are_shown_as_not_run(synthetic: Any, tmp_path: Path) -> None:
    extra = [Expected("geometry", "suzanne", "constant", "frontend", seed) for seed in (1, 2)]
    for table_id in ("t1", "t2", "t4"):
        _, frame, text = make(synthetic, table_id, tmp_path, expected=[*synthetic.expected, *extra])
        rows = frame.filter(pl.col("model") == "frontend")
        assert set(rows["note"]) == {"not run"}
        assert "not run" in text


def test_a_cell_that_lacks_a_run_shows_its_smaller_count(synthetic: Any, tmp_path: Path) -> None:
    frame = pl.read_parquet(synthetic.metrics)
    fewer = frame.filter(~((pl.col("metric") == "ssim") & (pl.col("seed") == 2)))
    fewer.write_parquet(tmp_path / "metrics.parquet")
    _, frame, text = make(replace(synthetic, metrics=tmp_path / "metrics.parquet"), "t2", tmp_path)
    row = only(frame, scene="suzanne", model="mae")
    assert (row["n"], row["ssim_n"], row["ssim_sd"]) == (2, 1, None)
    assert "[n=1]" in text


def test_rows_of_other_tiers_views_and_steps_do_not_count(synthetic: Any, tmp_path: Path) -> None:
    frame = pl.read_parquet(synthetic.metrics)
    others = [
        frame.with_columns(pl.lit("laptop").alias("tier"), value=pl.col("value") + 100),
        frame.with_columns(pl.lit(3).cast(pl.Int64).alias("view"), value=pl.col("value") + 100),
        frame.with_columns(pl.lit(0).cast(pl.Int64).alias("step"), value=pl.col("value") + 100),
        frame.with_columns(pl.lit("ablation").alias("variant"), value=pl.col("value") + 100),
    ]
    pl.concat([frame, *others]).write_parquet(tmp_path / "metrics.parquet")
    _, plain, _ = make(synthetic, "t2", tmp_path)
    _, mixed, _ = make(replace(synthetic, metrics=tmp_path / "metrics.parquet"), "t2", tmp_path)
    assert plain.equals(mixed)


def test_values_without_an_expected_run_are_kept(synthetic: Any) -> None:
    results = results_of(read_metrics(synthetic.metrics), (), "smoke")
    assert len(results.expected) == len(synthetic.runs)
    assert results.models("geometry") == ["mae", "ssim"]


def test_a_grid_where_everything_is_blocked_still_makes_every_table(synthetic: Any, tmp_path: Path) -> None:
    cells = [cell for cell in synthetic.expected if cell.blocked]
    empty = pl.read_parquet(synthetic.metrics).clear()
    empty.write_parquet(tmp_path / "metrics.parquet")
    for table_id in ("t1", "t2", "t3", "t4"):
        _, frame, text = make(
            replace(synthetic, metrics=tmp_path / "metrics.parquet"), table_id, tmp_path, expected=cells
        )
        assert set(frame["note"]) == {"blocked (weights)"}
        assert "No finished run." in text


def test_an_unknown_table_is_refused_with_the_alternatives(synthetic: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="t1, t2, t3, t4"):
        make(synthetic, "t9", tmp_path)


def test_a_metric_of_a_blocked_model_is_blocked_even_without_a_row(synthetic: Any, tmp_path: Path) -> None:
    frame = pl.read_parquet(synthetic.metrics).filter(pl.col("metric") != "lpips")
    frame.write_parquet(tmp_path / "metrics.parquet")
    _, frame, _ = make(replace(synthetic, metrics=tmp_path / "metrics.parquet"), "t2", tmp_path)
    assert only(frame, scene="suzanne", model="mae")["lpips_note"] == "blocked (weights)"


def test_ids_are_printed_without_names(synthetic: Any, tmp_path: Path) -> None:
    assert "| suzanne | constant | mae |" in make(synthetic, "t2", tmp_path, names=None)[2]


def by_view_files(synthetic: Any) -> list[Path]:
    return sorted({run.by_view for run in synthetic.runs})


def test_t5_has_tau_of_the_model_of_the_start_and_of_the_pixel_fit(synthetic: Any, tmp_path: Path) -> None:
    _, frame, text = make(synthetic, "t5", tmp_path)
    row = only(frame, family="geometry", model="ssim")
    address = {"experiment": "geometry", "metric": "rsa_tau/ssim"}
    assert row["rsa_tau"] == pytest.approx(statistics.fmean(measured(synthetic, method="ssim", **address)))
    assert row["rsa_tau_baseline"] == pytest.approx(
        statistics.fmean(measured(synthetic, method="mae", **address))
    )
    assert row["rsa_tau_baseline"] > row["rsa_tau"] > row["rsa_tau_start"]
    assert row["rsa_p"] == pytest.approx(0.0015)
    assert row["pca_explained"] == pytest.approx(0.9)
    assert only(frame, family="material", model="dual_buffer")["note"] == "not applicable"
    assert only(frame, family="material", model="lpips")["note"] == "blocked (weights)"
    assert "Kendall" in text


def test_t6_tests_paired_runs_and_corrects_for_all_rows(synthetic: Any, tmp_path: Path) -> None:
    _, frame, _ = make(synthetic, "t6", tmp_path, files=by_view_files(synthetic))
    assert set(frame["model"]) == {"ssim", "lpips"}
    row = only(frame, family="geometry", model="ssim", quantity="similarity")
    mine, other = (
        measured(synthetic, method=model, experiment="geometry", metric="similarity_normalised/ssim")
        for model in ("ssim", "mae")
    )
    differences = [a - b for a, b in zip(mine, other, strict=True)]
    assert row["n"] == 4
    assert row["difference"] == pytest.approx(statistics.fmean(differences), rel=1e-6)
    assert row["difference"] < 0 and row["bf10"] is None  # the made-up difference is the same in every pair
    assert row["bf10_note"] == "all differences alike"
    assert row["p"] == pytest.approx(2 / 16)
    assert row["p_holm"] == pytest.approx(min(1, 4 * row["p"]))
    assert 0 < row["ecdf_distance"] <= 1
    assert only(frame, family="geometry", model="ssim", quantity="pixel_error")["difference"] > 0
    assert only(frame, family="geometry", model="lpips", quantity="similarity")["note"] == "blocked (weights)"


def test_t6_without_values_by_view_says_not_applicable(synthetic: Any, tmp_path: Path) -> None:
    _, frame, _ = make(synthetic, "t6", tmp_path)
    assert only(frame, family="geometry", model="ssim", quantity="similarity")["note"] == "not applicable"


def test_t8_counts_the_runs_of_every_version_and_origin(synthetic: Any, tmp_path: Path) -> None:
    manifests = [run.manifest for run in synthetic.runs]
    _, frame, text = make(synthetic, "t8", tmp_path, files={run.metrics for run in synthetic.runs})
    versions = frame.filter(pl.col("name") == "torch").select("value", "runs").rows()
    assert versions == [("2.13", len(manifests) / 2), ("2.14", len(manifests) / 2)]
    assert only(frame, name="Mitsuba variant")["value"] == "llvm_ad_rgb"
    assert only(frame, kind="inputs", name="dragon/constant")["value"] == "procedural stand-in"
    assert f"What {len(manifests)} runs" in text
