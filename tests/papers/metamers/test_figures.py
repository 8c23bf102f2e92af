"""All figures on a made-up results tree: files, sizes, and the plotted data against what the runs hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.papers.metamers.figure_curves import (
    bin_centres,
    bin_edges,
    binned,
    curve_table,
    relative_loss,
    similarity_gap,
)
from rerender.papers.metamers.figure_overview import example
from rerender.papers.metamers.figure_shapes import triangle_quality
from rerender.papers.metamers.figures import DRAWERS, make_figure
from rerender.papers.metamers.pictures import Pictures
from rerender.papers.metamers.runfiles import RunFiles, run_key
from rerender.perception.metrics.representation import upper_triangle
from rerender.reporting.grids import as_bytes, error_map


@pytest.fixture(scope="module")
def drawn(synthetic: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path, Path]]:
    """Draw all figures once."""
    folder = tmp_path_factory.mktemp("figures")
    options = {"tier": "smoke", "expected": synthetic.expected, "names": synthetic.names}
    return {name: make_figure(name, synthetic.runs, folder / name, **options) for name in DRAWERS}


def picture(record: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(record["png"])))


@pytest.mark.parametrize("name", list(DRAWERS))
def test_files_are_there_and_fit_the_report(drawn: Any, name: str) -> None:
    png, pdf, data = drawn[name]
    with Image.open(png) as image:
        assert 800 <= image.width <= 1600
        assert np.asarray(image.convert("L")).std() > 10
    assert pdf.read_bytes().startswith(b"%PDF")
    assert b"CreationDate" not in pdf.read_bytes()
    assert pl.read_parquet(data).height > 0


def test_f1_shows_the_way_from_start_to_result(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["f1"][2])
    assert data["family"].unique(maintain_order=True).to_list() == ["geometry", "material"]
    run = next(run for run in synthetic.runs if run.family == "geometry")
    way = data.filter(pl.col("role") == "way", pl.col("family") == "geometry", pl.col("view") == 0)
    movie = Pictures(run).movie
    assert way["iteration"].to_list()[0] == 0
    assert way["iteration"].to_list()[-1] == int(movie["iterations"][-1])
    assert way["iteration"].is_sorted()
    size = movie["frames"].shape[1]
    np.testing.assert_array_equal(picture(way.to_dicts()[-1]), movie["frames"][-1][:, :size])


def test_f1_prefers_a_light_that_shows_shape() -> None:
    folders = ("suzanne/constant/mae/s1", "suzanne/venice_sunset/mae/s1", "dragon/venice_sunset/mae/s1")
    runs = [RunFiles.at(folder, "geometry") for folder in folders]
    assert example(runs) is runs[1]
    assert example(runs[:1]) is runs[0]


def test_f2_prints_the_numbers_of_the_runs_shown(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["f2"][2])
    results = data.filter(pl.col("role") == "result", pl.col("kind") == "render")
    assert results.height == 4
    for record in results.to_dicts():
        run = next(
            r for r in synthetic.runs if (r.scene, r.model, r.seed) == (record["scene"], record["model"], 1)
        )
        pictures = Pictures(run)
        assert record["chamfer_ratio"] == pictures.values["chamfer_ratio"]
        assert record["silhouette_iou"] == pictures.values["silhouette_iou"]
        views = pictures.views
        error = error_map(views["heldout_best"][0], views["heldout_target"][0])
        assert record["mean_error"] == pytest.approx(float(error.mean()))
        np.testing.assert_array_equal(picture(record), as_bytes(views["heldout_best"][0]))


def test_f3_keeps_scalars_and_textures(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["f3"][2])
    scalars = data.filter(pl.col("kind") == "scalar")
    assert set(scalars["scene"]) == {"translucent"}
    assert scalars.height == 4
    assert set(scalars["truth"]) == {1.49}
    record = scalars.filter(pl.col("model") == "ssim", pl.col("seed") == 2).to_dicts()[0]
    run = next(r for r in synthetic.runs if (r.scene, r.model, r.seed) == ("translucent", "ssim", 2))
    assert record["value"] == Pictures(run).values["value/eta"]
    textures = data.filter(pl.col("kind") == "texture")
    assert set(textures["role"]) == {"target", "result"}


def test_f3_pales_texels_that_no_view_sees(drawn: Any) -> None:
    data = pl.read_parquet(drawn["f3"][2])
    record = data.filter(pl.col("kind") == "texture", pl.col("role") == "target").to_dicts()[0]
    assert picture(record)[:2].min() >= 200
    assert picture(record)[2:].min() < 50


def test_f4_is_the_mean_over_seeds_relative_to_the_start(drawn: Any) -> None:
    data = pl.read_parquet(drawn["f4"][2])
    assert set(data["model"]) == {"mae", "ssim", "dual_buffer"}
    for _, line in data.filter(pl.col("quantity") == "loss").group_by("scene", "model"):
        line = line.sort("iteration")
        assert line["iteration"][0] == 1.0
        assert line["mean"][0] == pytest.approx(1.0)
        assert line["mean"][-1] < 0.3
        assert line["n"].max() == 2
        assert line["sd"].drop_nulls().min() >= 0


def test_f4_gap_ends_where_the_tables_do(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["f4"][2]).filter(pl.col("quantity") == "gap")
    assert set(data["model"]) == {"mae", "ssim"}
    line = data.filter(pl.col("scene") == "suzanne", pl.col("model") == "ssim").sort("iteration")
    assert line["mean"][0] == pytest.approx(1.0)
    normalised = [
        Pictures(run).values["similarity_normalised/ssim"]
        for run in synthetic.runs
        if (run.scene, run.model) == ("suzanne", "ssim")
    ]
    assert line["mean"][-1] == pytest.approx(1 - np.mean(normalised), abs=0.03)


def test_bins_cover_every_iteration_once() -> None:
    for last in (1, 2, 7, 60, 1234):
        edges = bin_edges(last)
        iterations = np.arange(1, last + 1, dtype=np.float64)
        counts = np.histogram(iterations, edges)[0]
        assert counts.sum() == last
        assert counts.min() >= 1
        assert np.all(np.diff(edges) > 0)
        centres = bin_centres(edges)
        assert np.all((edges[:-1] <= centres) & (centres < edges[1:]))


def test_binned_means() -> None:
    iterations = np.array([1.0, 2.0, 3.0, 4.0])
    values = np.array([4.0, 1.0, np.nan, 3.0])
    edges = np.array([1.0, 2.0, 3.0, 5.0])
    np.testing.assert_allclose(binned(iterations, values, edges), [4, 1, 3])


def test_curves_leave_out_what_a_log_axis_cannot_show() -> None:
    trace = pl.DataFrame({"iteration": [0, 1, 2, 3], "loss": [2.0, -1.0, None, 0.5]})
    edges = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_allclose(relative_loss(trace, edges), [1.0, np.nan, np.nan, 0.25])


def test_similarity_gap_goes_from_one_to_zero_and_needs_its_references() -> None:
    trace = pl.DataFrame({"iteration": [0, 1, 2], "loss": [1.0] * 3, "similarity": [0.5, 0.7, 0.9]})
    edges = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(similarity_gap(trace, edges, 0.5, 0.9), [1.0, 0.5, np.nan])
    assert np.isnan(similarity_gap(trace, edges, None, 0.9)).all()
    assert np.isnan(similarity_gap(trace, edges, 0.9, 0.9)).all()
    assert np.isnan(similarity_gap(trace.drop("similarity"), edges, 0.5, 0.9)).all()


def test_curves_of_runs_that_stopped_early_average_what_there_is(synthetic: Any) -> None:
    runs = [run for run in synthetic.runs if (run.scene, run.model) == ("suzanne", "mae")]
    table = curve_table(runs).filter(pl.col("quantity") == "loss").sort("iteration")
    assert table["n"].to_list()[0] == 2
    assert table["iteration"].to_list()[-1] > 100


def test_same_runs_give_the_same_bytes(synthetic: Any, drawn: Any, tmp_path: Path) -> None:
    again = make_figure(
        "f2",
        synthetic.runs,
        tmp_path / "f2",
        tier="smoke",
        expected=synthetic.expected,
        names=synthetic.names,
    )
    for first, second in zip(drawn["f2"], again, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_galleries_fall_back_to_training_views_and_empty_cells(
    make_tree: Callable[..., Any], tmp_path: Path
) -> None:
    tree = make_tree(seeds=1)
    runs = [
        run for run in tree.runs if run.family == "geometry" and (run.scene, run.model) != ("dragon", "ssim")
    ]
    for run in runs:
        views = load_tree(run.views)
        own = {name: views[run_key(run.model)][name] for name in ("start", "best", "seed")}
        save_tree(run.views, views | {run_key(run.model): own})
    _, _, data = make_figure("f2", runs, tmp_path / "f2", tier="smoke", names=tree.names)
    frame = pl.read_parquet(data)
    shown = frame.filter(pl.col("role") == "result", pl.col("kind") == "render")
    assert shown.select("scene", "model").rows() == [
        ("suzanne", "mae"),
        ("suzanne", "ssim"),
        ("dragon", "mae"),
    ]
    np.testing.assert_array_equal(picture(shown.to_dicts()[0]), as_bytes(Pictures(runs[0]).views["best"][0]))


def test_no_run_and_unknown_figure_are_refused(synthetic: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run"):
        make_figure("f3", synthetic.runs[:2], tmp_path / "f3", tier="smoke", names=synthetic.names)
    with pytest.raises(UserError, match="f1, f2, f3, f4"):
        make_figure("f8", synthetic.runs, tmp_path / "f8", tier="smoke", names=synthetic.names)


def test_a_run_without_frames_is_named(make_tree: Callable[..., Any]) -> None:
    run = make_tree(seeds=1).runs[0]
    save_tree(run.frames, {"frames": np.zeros((0, 0, 0, 3), np.uint8), "iterations": np.zeros(0, np.int64)})
    with pytest.raises(UserError, match=r"frames\.npz has 0 frames"):
        _ = Pictures(run).movie
    save_tree(run.views, {"target": np.zeros((1, 2, 2, 3)), run_key(run.model): {"seed": run.seed + 1}})
    with pytest.raises(UserError, match="holds no start, best"):
        _ = Pictures(run).views


def test_f5_plots_every_view_of_model_and_baseline(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["f5"][2])
    chosen = {"family": "geometry", "model": "ssim", "quantity": "similarity"}
    steps = data.filter(line="model", **chosen)
    assert steps.height == 2 * 2 * 4  # scenes, seeds, views
    assert steps["share"].max() == 1
    assert steps["value"].mean() == pytest.approx(0.82, abs=0.03)  # skill of the made-up runs
    assert data.filter(line="pixel fit", **chosen)["value"].mean() > steps["value"].mean()
    assert data.filter(line="target again", **chosen)["value"].mean() == pytest.approx(1)
    errors = data.filter(family="geometry", model="ssim", quantity="pixel_error")
    assert errors.filter(line="model")["value"].mean() > errors.filter(line="pixel fit")["value"].mean()


def test_f6_has_the_pairs_the_way_and_tau_of_every_run(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["f6"][2]).filter(family="geometry", model="ssim")
    views = Pictures(synthetic.runs[2]).views if synthetic.runs[2].model == "ssim" else None
    pairs = data.filter(kind="pair")
    assert pairs.height == 6
    if views is not None:
        np.testing.assert_allclose(pairs["x"], upper_triangle(views["rdm_target"]))
    assert data.filter(kind="way").height == 5 * 3
    assert data.filter(kind="way target").height == 3
    taus = [run for run in synthetic.runs if (run.family, run.model) == ("geometry", "ssim")]
    assert data.filter(kind="tau")["x"].to_list() == [Pictures(run).values["rsa_tau/ssim"] for run in taus]


def test_s1_and_s4_print_the_errors_of_the_runs(synthetic: Any, drawn: Any) -> None:
    errors = pl.read_parquet(drawn["s1"][2])
    run = next(run for run in synthetic.runs if run.scene == "suzanne" and run.model == "mae")
    views = Pictures(run).views
    first = errors.filter(scene="suzanne", model="mae", view=0)
    assert first["mean_error"].item() == pytest.approx(
        float(error_map(views["best"][0], views["target"][0]).mean())
    )
    slices = pl.read_parquet(drawn["s4"][2])
    assert set(slices["model"]) == {"target", "ssim"}  # the made-up dual buffer has none
    assert set(slices["side"]) == {"reflected", "transmitted"}


def test_s5_shows_every_quantity_and_s6_every_run(synthetic: Any, drawn: Any) -> None:
    diagnostics = pl.read_parquet(drawn["s5"][2])
    assert {"loss", "quality start", "quality best"} <= set(diagnostics["quantity"])
    lights = pl.read_parquet(drawn["s6"][2]).filter(quantity="chamfer_ratio")
    geometry = [run for run in synthetic.runs if run.family == "geometry"]
    assert sorted(lights["value"]) == sorted(Pictures(run).values["chamfer_ratio"] for run in geometry)


def test_s3_has_the_bars_of_every_classifier_and_the_way_to_the_class(synthetic: Any, drawn: Any) -> None:
    data = pl.read_parquet(drawn["s3"][2])
    bars = data.filter(quantity="probability", scene="suzanne")
    assert bars.height == 2 * 5 * (2 + 2)  # classifiers, classes; target, start and two models
    assert set(bars["class"]) == {372} and bars.filter(rank=1)["label"].unique().to_list() == [372]
    assert data.filter(quantity="probability", scene="dragon").height == 0  # no classifier there
    assert data.filter(quantity="picture", scene="dragon").height == 4 * 4
    assert set(data.filter(quantity="class_probability")["scene"]) == {"suzanne"}


def test_s3_without_a_class_says_so(make_tree: Callable[..., Any], tmp_path: Path) -> None:
    tree = make_tree(seeds=1)
    runs = [run for run in tree.runs if run.scene == "dragon"]
    views = load_tree(runs[0].views)
    save_tree(runs[0].views, views | {"imagenet_class": None})
    data = make_figure("s3", runs, tmp_path / "s3", tier="smoke", names=tree.names)[2]
    assert pl.read_parquet(data)["quantity"].to_list() == ["no scene has a class"]


def test_triangle_quality_is_one_for_equilateral_and_zero_for_flat() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(3) / 2, 0], [2, 0, 0]])
    np.testing.assert_allclose(
        triangle_quality(corners, np.array([[0, 1, 2], [0, 1, 3]])), [1, 0], atol=1e-12
    )
