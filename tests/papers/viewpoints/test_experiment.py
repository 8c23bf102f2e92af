"""Whole jobs at the smallest size: their files, rows, tables, figures and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from rerender.core.errors import UserError
from rerender.core.files import load_tree, read_json
from rerender.core.orbits import LENS
from rerender.papers.viewpoints.basins import map_basins
from rerender.papers.viewpoints.experiment import SearchRequest, cases_of, run_search
from rerender.papers.viewpoints.figures import Shown, make_figure
from rerender.papers.viewpoints.gradients import check_gradients
from rerender.papers.viewpoints.grid import Job, check_names, jobs
from rerender.papers.viewpoints.methods import LEVELS, RACE, TOGETHER
from rerender.papers.viewpoints.named import present_run
from rerender.papers.viewpoints.predictor import train_and_judge
from rerender.papers.viewpoints.scenes import load_scene, prepare_scene
from rerender.papers.viewpoints.settings import CameraSettings, LevelSettings, ScanSettings, StillSettings
from rerender.papers.viewpoints.stills import render_stills
from rerender.papers.viewpoints.tables import BUILDERS, make_table
from rerender.papers.viewpoints.tiers import TIERS
from rerender.papers.viewpoints.viewsets import compare_views
from rerender.provenance.manifest import Code
from rerender.reporting.captions import Names
from rerender.reporting.rows import aggregate, read_rows
from rerender.reporting.videos import probe_video

SMOKE = TIERS["smoke"]
CODE = Code.of("rerender.papers.viewpoints.methods")


def request(file: Path, job: Job) -> SearchRequest:
    run = SMOKE.runs.get(job.experiment)
    return SearchRequest(
        experiment=job.experiment,
        scene=job.scene,
        method=job.method,
        file=file,
        camera=SMOKE.camera,
        settings=SMOKE.search,
        starts=2,
        tier="smoke",
        methods=SMOKE.race.methods if job.experiment == RACE else (),
        case=(run.start, run.target) if run else None,
        iterations=run.iterations if run else None,
    )


@pytest.fixture(scope="module")
def done(room_file: Path, variant: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All jobs of the smoke tier, and their metrics."""
    folder = tmp_path_factory.mktemp("viewpoints")
    for job in jobs(SMOKE):
        run_search(
            request(room_file, job), CODE, {}, folder=folder / "runs" / job.path, state_root=folder / "state"
        )
    check_gradients("room_00", room_file, SMOKE.gradients, folder / "gradients.json", CODE, {}, tier="smoke")
    views = (folder / "views.json", folder / "views.npz")
    compare_views("room_00", room_file, SMOKE.views, *views, CODE, {}, tier="smoke", words=SMOKE.words)
    predicted = (folder / "predictor.json", folder / "predictor.npz")
    train_and_judge(SMOKE.predictor, SMOKE.views.segments, *predicted, CODE, {}, tier="smoke")
    rows = [*folder.glob("runs/*/*/*/metrics.json"), folder / "gradients.json", views[0], predicted[0]]
    aggregate(rows, folder / "metrics.parquet")
    return folder


def test_a_job_leaves_cameras_path_and_rows(done: Path) -> None:
    folder = done / "runs/near/room_00/lm"
    tree, path, rows = (
        load_tree(folder / "final.npz"),
        pl.read_parquet(folder / "trace.parquet"),
        read_rows(folder / "metrics.json"),
    )
    assert tree["found"].shape == tree["start"].shape == (2, 4)
    assert set(path["case"]) == {1, 2} and path["cpu_s"].min() >= 0  # type: ignore[operator]
    assert set(rows["seed"]) == {1, 2}
    assert rows.filter(~pl.col("metric").str.starts_with("reach"))["value"].is_not_null().all()
    last = path.filter(pl.col("case") == 1).row(-1, named=True)
    assert [last[name] for name in LENS] == pytest.approx(tree["found"][0].tolist())
    assert read_json(folder / "manifest.json")["stage"] == "viewpoints_search"
    assert not list((done / "state").glob("*"))


def test_a_race_times_every_method_on_the_same_starts(done: Path) -> None:
    folder = done / "runs" / Job(RACE, "room_00", TOGETHER).path
    path, rows = pl.read_parquet(folder / "trace.parquet"), read_rows(folder / "metrics.json")
    assert set(rows["method"]) == set(path["method"]) == set(SMOKE.race.methods)
    firsts = path.filter(pl.col("iteration") == 0, pl.col("case") == 1).select(*LENS).unique()
    assert firsts.height <= 2  # CMA-ES begins with its first generation's best
    reach = rows.filter(pl.col("metric") == "reach_cpu_s")
    found = rows.filter(pl.col("metric") == "exact")["value"].to_list()
    assert [value is not None for value in reach["value"]] == [bool(one) for one in found]
    assert set(reach["reason"].drop_nulls()) <= {"not found"}


def test_methods_share_their_starts_and_starts_keep_their_level(room_file: Path) -> None:
    for level in ("near", "half"):
        cases = cases_of(request(room_file, Job(level, "room_00", "lm")))
        again = cases_of(request(room_file, Job(level, "room_00", "adam")))
        assert cases == again and cases[0] != cases[1]
        for case in cases:
            assert case.start is not None
            assert abs(case.start.azimuth - case.truth.azimuth) <= LEVELS[level].azimuth
    assert all(case.start is None for case in cases_of(request(room_file, Job("anywhere", "room_00", "lm"))))


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_tables_are_written_in_all_formats(done: Path, tmp_path: Path, name: str) -> None:
    table = make_table(
        name,
        done / "metrics.parquet",
        tmp_path / name,
        tier="smoke",
        settings=SMOKE,
        names=Names(scenes={"room_00": "Room 0"}),
    )
    assert all(
        (tmp_path / f"{name}{suffix}").stat().st_size for suffix in (".csv", ".parquet", ".md", ".tex")
    )
    assert (
        table.rows
        and "Smoke tier" in table.caption
        and "not run" not in (tmp_path / f"{name}.md").read_text()
    )
    if name == "searches":
        frame = pl.read_parquet(tmp_path / "searches.parquet")
        assert (frame["exact_low"] <= frame["exact"]).all() and (frame["exact"] <= frame["exact_high"]).all()


def test_a_missing_job_is_named_in_the_table(done: Path, tmp_path: Path) -> None:
    more = SMOKE.model_copy(update={"near": LevelSettings(methods=("lm", "lm_fd"))})
    make_table("searches", done / "metrics.parquet", tmp_path / "t", tier="smoke", settings=more)
    assert "not run" in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize("name", ["convergence", "matches", "basins", "views", "predictor"])
def test_figures_are_drawn(done: Path, room_file: Path, tmp_path: Path, name: str) -> None:
    file = "trace.parquet" if name == "convergence" else "final.npz"
    files = [(job, done / "runs" / job.path / file) for job in jobs(SMOKE)]
    basins = None
    if name == "basins":
        basins = tmp_path / "basins.npz"
        map_basins(room_file, SMOKE.camera, SMOKE.search, SMOKE.basins, basins)
        tree = load_tree(basins)
        assert tree["angle"]["lm"].shape == (2, 3) and tree["losses"]["0"].shape == (3, 3)
    png, pdf, data = make_figure(
        name, Shown(files, basins, done / "metrics.parquet", "smoke", SMOKE, Names()), tmp_path / name
    )
    assert Image.open(png).width == 1600 and pdf.stat().st_size and pl.read_parquet(data).height


def test_a_named_run_leaves_what_the_released_code_does(done: Path, room_file: Path, tmp_path: Path) -> None:
    folder = done / "runs/readme_1/room_00/upstream"
    present_run(
        room_file, folder / "final.npz", folder / "trace.parquet", tmp_path, method="upstream", size=48
    )
    found = read_json(tmp_path / "optimized_params.json")
    assert {
        "distance",
        "elevation",
        "azimuth",
        "initial_distance",
        "initial_elevation",
        "initial_azimuth",
    } <= found.keys()
    assert (found["initial_distance"], found["initial_elevation"], found["initial_azimuth"]) == (
        6.0,
        45.0,
        90.0,
    )
    assert abs(found["distance"] - 6.0) <= 1.0 and abs(found["azimuth"] - 90.0) <= 18.0
    assert Image.open(tmp_path / "optimized_view.png").size == (48, 48)
    gif = Image.open(tmp_path / "optimization_process.gif")
    assert getattr(gif, "n_frames", 1) > 1 and gif.info["duration"] == 300
    assert probe_video(tmp_path / "video.mp4").codec == "h264"
    assert (tmp_path / "optimization_comparison.png").is_file()


def test_the_three_render_modes(room_file: Path, variant: str, tmp_path: Path) -> None:
    settings = StillSettings(
        size=32, cell=16, views=4, spp=4, camera=CameraSettings(distance=5, elevation=30, azimuth=45)
    )
    render_stills(room_file, settings, tmp_path)
    single = np.asarray(Image.open(tmp_path / "single_view.png"))
    assert single.shape == (32, 32, 3) and single[0, 0].tolist() == [255, 255, 255] and single[16:].std() > 10
    gif = Image.open(tmp_path / "turntable.gif")
    assert getattr(gif, "n_frames", 1) == 4 and gif.info["duration"] == 100
    assert probe_video(tmp_path / "turntable.mp4").frames == 4
    assert Image.open(tmp_path / "multi_view_grid.png").width == 8 * 16 + 7 * 4


def test_scans_and_registry_meshes_become_scenes(room_file: Path, tmp_path: Path) -> None:
    scan = ScanSettings(path=str(room_file.with_suffix(".ply")), up_axis="y")
    prepare_scene("office", tmp_path, cell=0.0, scan=scan)
    prepare_scene("ball", tmp_path, cell=0.0, mesh=room_file.with_suffix(".ply"))
    office, ball, room = (
        load_scene(path) for path in (tmp_path / "office.npz", tmp_path / "ball.npz", room_file)
    )
    assert office.mesh.vertices == pytest.approx(room.mesh.vertices, abs=1e-5)
    assert office.colours == pytest.approx(room.colours, abs=2e-3)
    assert np.linalg.norm(np.ptp(ball.mesh.vertices, axis=0)) == pytest.approx(4.0, rel=1e-5)
    assert read_json(tmp_path / "office.json")["origin"] == "original"


def test_wrong_names_are_refused_with_what_to_type() -> None:
    for change, words in (
        ({"anywhere": LevelSettings(methods=("adam",))}, "needs a start"),
        ({"run_methods": ("lmm",)}, "unknown method 'lmm'"),
        ({"scenes": SMOKE.scenes.model_copy(update={"meshes": ("bunnny",)})}, "Did you mean 'bunny'"),
        ({"runs": {"near": SMOKE.runs["readme_1"]}}, "'near'"),
    ):
        with pytest.raises(UserError, match=words):
            check_names(SMOKE.model_copy(update=change))
