"""A whole job, from a capture to metric rows, textures and tables; and what settings refuse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.papers.materials.tiny import capture, thing

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree, write_json
from rerender.papers.materials.capture import Capture
from rerender.papers.materials.derived import collect, derived_rows, over_better_rows
from rerender.papers.materials.experiment import FitRequest, run_fits
from rerender.papers.materials.figures import DRAWERS, Shown, make_figure
from rerender.papers.materials.grid import Job, check_names, jobs
from rerender.papers.materials.judge import light_errors
from rerender.papers.materials.logs import write_logs
from rerender.papers.materials.refine import RefineRequest, run_refinement
from rerender.papers.materials.results import results_of
from rerender.papers.materials.settings import (
    ExperimentSettings,
    HashSettings,
    MaterialsSettings,
    RegulariserSettings,
    StageSettings,
)
from rerender.papers.materials.tables import BESIDE, BUILDERS, build, make_table, order_of
from rerender.papers.materials.tiers import TIERS
from rerender.provenance.manifest import Code
from rerender.reporting.captions import Names
from rerender.reporting.event_files import NAME
from rerender.reporting.published import load_published
from rerender.reporting.rows import RowContext, read_rows, write_rows

CLAIMS = Path(__file__).parents[3] / "config/claims/materials.yaml"
CODE = Code(("test",), {}, "0" * 16)
CONTEXT = RowContext(
    paper="materials",
    experiment="known",
    scene="cow",
    envmap="venice_sunset",
    method="joint",
    representation="field",
    seed=1,
    tier="smoke",
    backend="torch",
    device="cpu",
    run_id="r",
    code="c",
    stack="s",
    assets="standin",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture in two sets of views, a job of two seeds with a learned light, and its fine stage."""
    place = tmp_path_factory.mktemp("materials")
    replace(capture(), draws=2).save(place / "capture.npz")
    write_json(place / "capture.json", {"origin": "standin"})
    whole = thing()
    maps = {name: getattr(whole, name) for name in ("albedo", "roughness", "metallic")}
    save_tree(place / "scene.npz", {"mesh": vars(whole.mesh), **maps})
    run_fits(request(place), CODE, {}, folder=place / "run", state_root=place / "state")
    refine = RefineRequest(
        request(place, StageSettings(steps=3, lr=0.003)), place / "scene.npz", place / "run" / "final.npz", 16
    )
    run_refinement(refine, CODE, {}, folder=place / "fine", state_root=place / "state")
    return place


def request(place: Path, stage: StageSettings | None = None) -> FitRequest:
    return FitRequest(
        experiment="known",
        scene="spots_ball",
        envmap="interior",
        method="two",
        capture=place / "capture.npz",
        settings=ExperimentSettings(scenes=("spots_ball",), methods=("two",), seeds=2, lighting="learned"),
        hash=HashSettings(levels=2, log2_table=8, finest=17),
        stage=stage or StageSettings(steps=4),
        regularisers=RegulariserSettings(),
        tier="smoke",
    )


def test_a_capture_survives_its_file(folder: Path) -> None:
    before, after = capture(), Capture.load(folder / "capture.npz")
    assert (before.train.target == after.train.target).all()
    assert before.samples.starts == after.samples.starts
    np.testing.assert_array_equal(before.truth.albedo, after.truth.albedo)
    np.testing.assert_array_equal(before.inside["seen"], after.inside["seen"])
    assert after.draws == 2


def test_views_see_the_side_that_faces_them(folder: Path) -> None:
    """Four views of a ball see most of it, none of them all of it."""
    seen = capture().inside["seen"].mean()
    assert 0.0 < seen < 0.9


def test_a_job_leaves_rows_traces_and_no_state(folder: Path) -> None:
    rows = read_rows([folder / "run" / "metrics.json", folder / "fine" / "metrics.json"])
    assert set(rows["seed"]) == {1, 2} and set(rows["representation"]) == {"field", "texture"}
    for metric in (
        "roughness/dark_shiny",
        "metallic/all",
        "normal/seen",
        "psnr",
        "relit_psnr_masked",
        "light_log_l1",
    ):
        assert metric in set(rows["metric"]), metric
    fitted_views = rows.filter(pl.col("metric") == "psnr_masked")["n"]
    assert fitted_views.to_list() == [2] * 4  # half of the four views for each seed
    trace = pl.read_parquet(folder / "run" / "trace.parquet")
    assert trace.height == 8 and {"loss_A", "loss_B", "lr_A", "lr_B", "grad_norm_B"} <= set(trace.columns)
    assert trace.filter(pl.col("iteration") == 0)["lr_B"].to_list() == [0.0, 0.0]
    assert json.loads((folder / "fine" / "manifest.json").read_text())["stage"] == "materials_refine"
    assert not list((folder / "state").iterdir())
    assert (folder / "fine" / "object.glb").read_bytes()[:4] == b"glTF"


def test_seeds_differ_and_pictures_are_kept(folder: Path) -> None:
    tree = load_tree(folder / "run" / "final.npz")
    first, second = tree["seeds"]["1"], tree["seeds"]["2"]
    assert not np.array_equal(first["samples"]["albedo"], second["samples"]["albedo"])
    assert first["pictures"]["render"].shape == (2, 16, 16, 3)
    assert np.isnan(first["pictures"]["render"]).any() and np.isfinite(first["pictures"]["normal"]).any()
    assert first["light"].shape == (16, 32, 3) and first["light_scale"] > 0
    textures = load_tree(folder / "fine" / "final.npz")["seeds"]["1"]["textures"]
    assert {name: image.shape[-1] for name, image in textures.items()} == {
        "albedo": 3,
        "normal": 3,
        "roughness": 1,
        "metallic": 1,
    }


def test_every_figure_is_drawn(folder: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "metrics.json", pair_rows(measured(30.0, 0.2, 0.2), measured(31.0, 0.1, 0.1)))
    collect([tmp_path / "metrics.json"], tmp_path / "metrics.parquet")
    final = folder / "run" / "final.npz"
    known = [(Job("known", "cow", "venice_sunset", name), final) for name in ("joint", "two")]
    levels = [(Job(f"levels_{n}", "cow", "venice_sunset", "two"), final) for n in (4, 2)]
    pictures = {light: np.full((8, 8, 3), 0.5, np.float32) for light in ("render", "relit")}
    told = {"pictures": pictures, "psnr": {"render": 30.0, "relit": 20.0}}
    save_tree(tmp_path / "cow.npz", {"target": {"pictures": pictures}, "joint": told, "two": told})
    for name in (*DRAWERS, "compare_cow"):
        files = levels if name == "levels" else known
        traced = [tmp_path / "cow.npz"] * 2
        shown = Shown(files, tmp_path / "metrics.parquet", "smoke", TIERS["laptop"], Names(), traced)
        png, pdf, data = make_figure(name, shown, tmp_path / name)
        assert png.stat().st_size > 5000 and pdf.is_file() and pl.read_parquet(data).height > 0
    rows = pl.read_parquet(tmp_path / "levels.parquet")["row"].unique(maintain_order=True).to_list()
    assert [row.split()[-2] for row in rows] == ["2", "4"]
    assert pl.read_parquet(tmp_path / "traced.parquet").filter(light="relit", scene="cow")[
        "psnr"
    ].to_list() == [
        *(None, 20.0, 20.0),
        *(None, 20.0, 20.0),
    ]
    with pytest.raises(UserError, match="compare"):
        make_figure("comparison", Shown(known, None, "smoke", TIERS["laptop"], Names()), tmp_path / "x")


def test_histories_are_logged_for_every_seed(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "runs" / "known" / "cow" / "venice_sunset" / "two"
    shutil.copytree(folder / "run", place)
    write_logs([place], tmp_path / "logs")
    found = sorted(
        path.relative_to(tmp_path / "logs").as_posix() for path in (tmp_path / "logs").rglob("*tfevents*")
    )
    assert found == [f"known/cow/two/s{seed}/coarse/{NAME}" for seed in (1, 2)]
    data = (tmp_path / "logs" / found[0]).read_bytes()
    assert data.count(b"grad_norm_A") == pl.read_parquet(place / "trace.parquet").filter(seed=1).height
    assert data.count(b"\x89PNG") == 5


def test_a_light_is_compared_after_one_factor() -> None:
    truth = np.random.default_rng(0).uniform(0.1, 5.0, (8, 16, 3))
    found = {row.metric: row.value for row in light_errors(CONTEXT, truth / 2.5, truth)}
    assert found["light_scale"] == pytest.approx(2.5)
    assert found["light_log_l1"] == pytest.approx(0.0, abs=1e-12)
    assert found["light_correlation"] == pytest.approx(1.0)
    grey = {row.metric: row.value for row in light_errors(CONTEXT, np.full_like(truth, 0.5), truth)}
    assert grey["light_correlation"] == pytest.approx(0.0, abs=1e-9)
    assert grey["light_log_l1"] > 0.3


def pair_rows(joint: dict[str, float], two: dict[str, float], seed: int = 1) -> list:
    found = []
    for method, values in (("joint", joint), ("two", two)):
        own = replace(CONTEXT, method=method, seed=seed, run_id=method)
        found += [own.row(name, value) for name, value in values.items()]
    return found


def measured(psnr: float, rough: float, metal: float) -> dict[str, float]:
    return {
        "psnr": psnr,
        "mse": 10 ** (-psnr / 10),
        "roughness/dark_shiny": rough,
        "metallic/dark_shiny": metal,
    }


@pytest.mark.parametrize(
    ("joint", "two", "told"),
    [
        (measured(31.4, 0.4, 0.5), measured(30.9, 0.1, 0.1), "disagree"),
        (measured(30.9, 0.4, 0.5), measured(31.4, 0.1, 0.1), "agree"),
        (measured(31.4, 0.1, 0.5), measured(30.9, 0.4, 0.1), "mixed"),
    ],
)
def test_the_metric_caveat_is_told_for_every_pair(
    tmp_path: Path, joint: dict[str, float], two: dict[str, float], told: str
) -> None:
    write_rows(tmp_path / "metrics.json", pair_rows(joint, two))
    frame = read_rows(tmp_path / "metrics.json")
    first, second = (Job("known", "cow", "venice_sunset", name) for name in ("joint", "two"))
    assert order_of(results_of(frame, "smoke"), first, second, 1) == told
    (row,) = derived_rows(frame)
    assert row.metric == "disagreement" and row.method == "both"
    assert row.value == float(told == "disagree")


def test_our_own_method_is_measured_by_the_better_of_the_two(tmp_path: Path) -> None:
    """Mean errors of the two over two seeds: 0.2 and 0.4; so 0.1 and 0.3 are a half and one and a half of the better."""
    rows = []
    for method, errors in (("joint", (0.1, 0.3)), ("two", (0.4, 0.4)), ("joint_late_normals", (0.1, 0.3))):
        experiment = "late" if method == "joint_late_normals" else "known"
        for seed, error in enumerate(errors, start=1):
            own = replace(CONTEXT, experiment=experiment, method=method, seed=seed, run_id=f"{method}{seed}")
            rows.append(own.row("roughness/all", error))
    write_rows(tmp_path / "metrics.json", rows)
    found = over_better_rows(read_rows([tmp_path / "metrics.json"]))
    assert [row.metric for row in found] == ["over_better/roughness"] * 2
    assert [row.value for row in found] == pytest.approx([0.5, 1.5])


def test_every_table_is_made_even_where_nothing_ran(tmp_path: Path) -> None:
    write_rows(tmp_path / "metrics.json", pair_rows(measured(30.0, 0.2, 0.2), measured(31.0, 0.1, 0.1)))
    collect([tmp_path / "metrics.json"], tmp_path / "metrics.parquet")
    made = {
        name: make_table(
            name,
            tmp_path / "metrics.parquet",
            CLAIMS,
            tmp_path / name,
            tier="smoke",
            settings=TIERS["laptop"],
        )
        for name in (*BUILDERS, *BESIDE)
    }
    # that of textures has a row only where a region was measured
    assert [name for name, table in made.items() if not table.rows] == ["textures"]
    assert "not run" in (tmp_path / "runs.md").read_text()


def test_published_numbers_stand_beside_ours(tmp_path: Path) -> None:
    """The ratios are those of the printed seconds: 515.3 / 178.1 and 66.4 / 51.9; 281.7 / 515.3."""
    rows = []
    runs = [(name, method) for name in ("known", "levels_4", "levels_16") for method in ("joint", "two")]
    for seconds, (experiment, method) in enumerate(runs, start=1):
        context = replace(CONTEXT, experiment=experiment, method=method, run_id=f"{experiment}.{method}")
        rows.append(context.row("step_cpu_s", float(seconds)))
    write_rows(tmp_path / "metrics.json", rows)
    results = results_of(read_rows([tmp_path / "metrics.json"]), "smoke")
    published = load_published(CLAIMS)
    cost, levels, metric = (
        build(name, results, TIERS["laptop"], published, Names()) for name in ("cost", "levels", "metric")
    )
    cells = {
        row.ids: dict(zip([column.key for column in cost.columns], row.cells, strict=True))
        for row in cost.rows
    }
    ratio = cells["known", "cow", "two"]["ratio"]
    assert ratio.value == pytest.approx(2.0) and ratio.beside == pytest.approx(2.893, abs=1e-3)
    assert cells["known", "cow", "two"]["fine_ratio"].beside == pytest.approx(1.279, abs=1e-3)
    assert cells["known", "cow", "joint"]["ratio"].beside is None
    shares = {row.ids: row.cells[2] for row in levels.rows}
    assert shares["4", "two"].value == pytest.approx(4.0 / 6.0)
    assert shares["4", "two"].beside == pytest.approx(0.5467, abs=1e-4)
    assert [row.cells[0].value for row in metric.rows if row.group == "published"] == [31.376, 30.956]


def test_jobs_are_experiments_times_scenes_times_methods() -> None:
    found = jobs(TIERS["laptop"])
    assert len(set(found)) == len(found)
    assert Job("known", "cow", "venice_sunset", "two") in found
    for tier in TIERS.values():
        check_names(tier)


@pytest.mark.parametrize(
    ("experiment", "said"),
    [
        ({"scenes": ["cows"]}, "cow"),
        ({"scenes": ["duck_r010"]}, "_r010"),
        ({"scenes": ["cow"], "envmap": "venice"}, "venice_sunset"),
    ],
)
def test_unknown_names_get_their_alternatives(experiment: dict, said: str) -> None:
    settings = MaterialsSettings(experiments={"mine": experiment})
    with pytest.raises(UserError, match=said):
        check_names(settings)


@pytest.mark.parametrize(
    "experiment",
    [
        {"scenes": ["cow"], "methods": ["to"]},
        {"scenes": ["cow", "cow"]},
        {"scenes": []},
        {"scenes": ["cow"], "seeds": 0},
    ],
)
def test_wrong_experiments_are_refused(experiment: dict) -> None:
    with pytest.raises(ValueError, match="mine"):
        MaterialsSettings(experiments={"mine": experiment})
