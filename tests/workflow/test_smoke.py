"""The smoke tier from end to end in a copy of the checkout, without real assets or with those of `SMOKE_MADE`: results, reruns and the report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.workflow.conftest import Workspace

from rerender.papers.metamers.tiers import TIERS
from rerender.workflow import physics
from rerender.workflow.envmaps import FIGURES as ENVMAPS_FIGURES
from rerender.workflow.metamers import FIGURES as METAMERS_FIGURES
from rerender.workflow.metamers import TABLES as METAMERS_TABLES

pytestmark = pytest.mark.workflow
SMOKE = ("--config", "tier=smoke")
RESULTS = "results/smoke"
AFTER_EVALUATE = {
    *(
        "metamers_ablate",
        "metamers_evaluate",
        "metamers_metrics",
        "metamers_table",
        "metamers_figure",
        "metamers_video",
    ),
    *("aggregate_metrics", "aggregate_verdicts", "aggregate_scoreboard", "aggregate_overview", "all"),
}
ENVMAPS_AFTER_INVERT = {
    *(
        "envmaps_invert",
        "envmaps_edit",
        "envmaps_metrics",
        "envmaps_table",
        "envmaps_figure",
        "envmaps_video",
    ),
    *("aggregate_metrics", "aggregate_verdicts", "aggregate_scoreboard", "aggregate_overview", "all"),
}
VIEWPOINTS_AFTER_SEARCH = {
    *(
        "viewpoints_search",
        "viewpoints_present",
        "viewpoints_metrics",
        "viewpoints_table",
        "viewpoints_figure",
    ),
    *("aggregate_metrics", "aggregate_verdicts", "aggregate_scoreboard", "aggregate_overview", "all"),
}
MATERIALS_AFTER_FIT = {
    *(
        "materials_fit",
        "materials_refine",
        "materials_metrics",
        "materials_table",
        "materials_figure",
        "materials_video",
    ),
    *("aggregate_metrics", "aggregate_verdicts", "aggregate_scoreboard", "aggregate_overview", "all"),
}
ENVMAPS_AFTER_FIT = ENVMAPS_AFTER_INVERT | {"envmaps_fit"}
PHYSICS_AFTER_RUN = {
    *("physics_metrics", "physics_table", "physics_films", "physics_sequences"),
    *("aggregate_metrics", "aggregate_verdicts", "aggregate_scoreboard", "aggregate_overview", "all"),
}
PHYSICS_RUNS = {
    *("physics_rigid_mass", "physics_rigid_contact", "physics_lame", "physics_control_fem"),
    *("physics_particle_mass", "physics_cloth_velocity", "physics_control_cloth", "physics_control_walker"),
    *("physics_convnet", "physics_landscape", "physics_demos", "physics_figure"),
}
PHYSICS_AFTER_LAME = {"physics_lame", "physics_landscape", "physics_figure"}
AFTER_OPTIMISE = AFTER_EVALUATE | {"metamers_optimise_geometry", "metamers_optimise_material"}


@pytest.fixture(scope="module")
def finished(make_workspace: Callable[[], Workspace], callers_mirror: Path | None) -> Workspace:
    """A workspace in which the smoke tier and its report were made: here, or in the checkout that `SMOKE_MADE` names."""
    workspace = make_workspace()
    if made := os.environ.get("SMOKE_MADE"):
        workspace = replace(workspace, mirror=callers_mirror)
        workspace.take(Path(made))
    workspace.snakemake("--cores", "2", *SMOKE, "--", "report")
    return workspace


@contextmanager
def edited(workspace: Workspace, module: str, old: str, new: str) -> Iterator[None]:
    """Edit a file for a while."""
    before = (workspace.folder / module).read_text()
    workspace.edit(module, old, new)
    try:
        yield
    finally:
        (workspace.folder / module).write_text(before)


def test_a_second_run_does_nothing(finished: Workspace) -> None:
    assert "Nothing to be done" in finished.snakemake("--cores", "2", *SMOKE)


def test_every_artefact_is_there(finished: Workspace) -> None:
    folder = finished.folder / RESULTS
    wanted = [
        *(
            f"metamers/tables/{name}.{ext}"
            for name in METAMERS_TABLES
            for ext in ("csv", "parquet", "tex", "md", "html")
        ),
        *(f"metamers/figures/{name}.{ext}" for name in METAMERS_FIGURES for ext in ("png", "pdf", "parquet")),
        *(
            f"envmaps/tables/{name}.{ext}"
            for name in ("table1", "table2", "table3", "edits")
            for ext in ("csv", "parquet", "tex", "md", "html")
        ),
        *(f"envmaps/figures/{name}.{ext}" for name in ENVMAPS_FIGURES for ext in ("png", "pdf", "parquet")),
        *(
            path.removeprefix("<results>/smoke/")
            for path in (*physics.tables("smoke"), *physics.figures("smoke"))
        ),
        *(
            f"viewpoints/tables/{name}.{ext}"
            for name in ("searches", "runs", "gradients", "views")
            for ext in ("csv", "parquet", "tex", "md", "html")
        ),
        *(
            f"viewpoints/figures/{name}.{ext}"
            for name in ("basins", "convergence", "matches")
            for ext in ("png", "pdf", "parquet")
        ),
        *(
            f"viewpoints/stills/room_00/{name}"
            for name in ("single_view.png", "turntable.mp4", "turntable.gif")
        ),
        *(
            f"materials/tables/{name}.{ext}"
            for name in ("textures", "runs", "light", "cost", "metric", "losses")
            for ext in ("csv", "parquet", "tex", "md", "html")
        ),
        *(
            f"materials/figures/{name}.{ext}"
            for name in ("rates", "unpack", "light", "metric", "compare_spots_ball")
            for ext in ("png", "pdf", "parquet")
        ),
        "materials/videos/spots_ball.mp4",
        *(f"materials/fine/known/spots_ball/interior/{name}/object.glb" for name in ("joint", "two")),
        *("metrics.parquet", "verdicts.csv", "verdicts.md", "verdicts.html"),
        *("overview.png", "overview.pdf", "overview.parquet"),
        *("scoreboard.png", "scoreboard.pdf", "scoreboard.parquet"),
    ]
    assert [name for name in wanted if not (folder / name).is_file()] == []
    runs = sorted((folder / "metamers" / "runs").glob("*/*/*/s*"))
    models = [name for name in TIERS["smoke"].geometry.models if name != "lpips"]
    assert {run.parent.name for run in runs if run.parents[1].name != "builtin"} == set(models)
    for run in runs:
        place = f"{run.parents[2].name}-{run.parents[1].name}"
        video = folder / "metamers" / "videos" / place / f"{run.parent.name}-{run.name}.mp4"
        assert video.stat().st_size > 0
        assert json.loads((run / "manifest.json").read_text())["stage"] == "metamers_optimise"


def test_the_overview_shows_start_result_and_target_of_every_paper(finished: Workspace) -> None:
    shown = pl.read_parquet(finished.folder / RESULTS / "overview.parquet")
    pictures = shown.group_by("paper", maintain_order=True).agg("picture")
    assert pictures["paper"].to_list() == ["metamers", "envmaps", "materials", "viewpoints", "physics"]
    for titles in pictures["picture"].to_list():
        assert len(titles) >= 3
        assert [title.split()[0].strip(",:") for title in titles[:3]] == ["start", "found", "target"]


def test_blocked_models_are_shown_and_not_run(finished: Workspace) -> None:
    assert "blocked (weights)" in (finished.folder / RESULTS / "metamers/tables/t2.md").read_text()
    assert not list((finished.folder / RESULTS / "metamers/runs").glob("*/*/lpips"))


def test_finished_runs_leave_no_state_and_nothing_half_written(finished: Workspace) -> None:
    folder = finished.folder / RESULTS
    assert not list((folder / "metamers" / "state").glob("*"))
    assert not list((folder / "envmaps" / "state").glob("*"))
    assert not list((folder / "physics" / "state").glob("*"))
    assert not list((folder / "materials" / "state").glob("*"))
    assert not [path for path in finished.folder.rglob("*.part*") if ".snakemake" not in path.parts]


def test_every_job_left_a_log_and_a_benchmark(finished: Workspace) -> None:
    logs = {
        path.relative_to(finished.folder / "logs").with_suffix("")
        for path in (finished.folder / "logs").rglob("*.log")
    }
    marks = finished.folder / "benchmarks" / "out"
    assert logs == {path.relative_to(marks).with_suffix("") for path in marks.rglob("*.tsv")}


def test_a_comment_or_a_docstring_reruns_nothing(finished: Workspace) -> None:
    with (
        edited(finished, "src/rerender/core/seeds.py", '"""Seeds derived', '"""Seeds, derived'),
        edited(
            finished,
            "src/rerender/papers/metamers/evaluate.py",
            "import numpy as np\n",
            "import numpy as np  # !\n",
        ),
    ):
        assert finished.job_counts(*SMOKE) == {}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("src/rerender/papers/metamers/videos.py", {"metamers_video", "all"}),
        ("src/rerender/papers/metamers/figure_curves.py", {"metamers_figure", "aggregate_overview", "all"}),
        ("src/rerender/reporting/verdicts.py", {"aggregate_verdicts", "aggregate_scoreboard", "all"}),
        ("src/rerender/papers/metamers/evaluate.py", AFTER_EVALUATE),
        ("src/rerender/papers/metamers/optimise.py", AFTER_OPTIMISE),
        (
            "src/rerender/fitting/loop.py",
            AFTER_OPTIMISE
            | ENVMAPS_AFTER_FIT
            | PHYSICS_RUNS
            | PHYSICS_AFTER_RUN
            | VIEWPOINTS_AFTER_SEARCH
            | MATERIALS_AFTER_FIT,
        ),
        ("src/rerender/papers/physics/lame.py", PHYSICS_AFTER_RUN | PHYSICS_AFTER_LAME),
        ("src/rerender/papers/physics/tiers.py", set()),
        ("src/rerender/papers/envmaps/fit.py", ENVMAPS_AFTER_FIT),
        ("src/rerender/papers/envmaps/inversion.py", ENVMAPS_AFTER_INVERT),
        ("src/rerender/papers/envmaps/figure_galleries.py", {"envmaps_figure", "aggregate_overview", "all"}),
        ("src/rerender/papers/envmaps/tiers.py", set()),
        ("src/rerender/papers/viewpoints/descent.py", VIEWPOINTS_AFTER_SEARCH),
        ("src/rerender/papers/viewpoints/figures.py", {"viewpoints_figure", "aggregate_overview", "all"}),
        ("src/rerender/papers/viewpoints/tiers.py", set()),
        ("src/rerender/papers/materials/experiment.py", MATERIALS_AFTER_FIT),
        ("src/rerender/papers/materials/figures.py", {"materials_figure", "aggregate_overview", "all"}),
        ("src/rerender/papers/materials/tiers.py", set()),
        ("src/rerender/papers/metamers/references.py", AFTER_OPTIMISE | {"metamers_references"}),
        ("src/rerender/catalogue/scenes.py", set()),
        ("src/rerender/papers/metamers/tiers.py", set()),
        ("src/rerender/catalogue/fetch.py", set()),
        ("src/rerender/runtime/doctor.py", set()),
        ("src/rerender/commands/list.py", set()),
    ],
)
def test_a_statement_reruns_exactly_the_stages_that_reach_it(
    finished: Workspace, module: str, rules: set[str]
) -> None:
    first = "from __future__ import annotations\n"
    with edited(finished, module, first, f"{first}\nEDITED = True\n"):
        assert finished.job_counts(*SMOKE).keys() == rules


def test_a_registry_entry_reruns_its_own_runs_only(finished: Workspace) -> None:
    lr, other = (
        "lr=0.1,\n        remesh_epochs=_SUZANNE_REMESH",
        "lr=0.2,\n        remesh_epochs=_SUZANNE_REMESH",
    )
    with edited(finished, "src/rerender/catalogue/scenes.py", lr, other):
        counts = finished.job_counts(*SMOKE)
    shapes = [name for name in TIERS["smoke"].geometry.models if name != "lpips"]
    assert counts["metamers_optimise_geometry"] == len(shapes) * TIERS["smoke"].geometry.seeds
    assert not counts.keys() & {"metamers_optimise_material", "asset_mesh"}


def test_a_setting_reruns_the_steps_that_use_it(finished: Workspace) -> None:
    change = "tiers={smoke: {metamers: {geometry: {heldout_views: 3}}}}"
    counts = finished.job_counts(*SMOKE, change)
    assert counts.keys() == AFTER_EVALUATE
    geometry = TIERS["smoke"].geometry
    assert counts["metamers_evaluate"] == len(geometry.scenes) * len(geometry.envmaps)


def test_how_often_a_run_saves_reruns_nothing(finished: Workspace) -> None:
    assert finished.job_counts(*SMOKE, "checkpoint_seconds=3") == {}


def test_the_manifests_agree_with_files_and_code(finished: Workspace) -> None:
    command = [finished.command()[0], "-m", "rerender.cli", "verify", RESULTS]
    done = subprocess.run(
        command, cwd=finished.folder, env=finished.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def report_page(workspace: Workspace, into: Path) -> Path:
    """Unpack the report and return its page."""
    with zipfile.ZipFile(workspace.folder / RESULTS / "report.zip") as archive:
        archive.extractall(into)
    return into / "report" / "report.html"


def test_the_report_holds_every_table_figure_and_video(finished: Workspace, tmp_path: Path) -> None:
    page = report_page(finished, tmp_path)
    names = [path.name for path in (page.parent / "data").rglob("*") if path.is_file()]
    assert {
        *(f"t{i}.html" for i in range(1, 5)),
        *(f"f{i}.png" for i in range(1, 5)),
        *(f"table{i}.html" for i in range(1, 4)),
        *(f"{name}.png" for name in ENVMAPS_FIGURES),
        *("verdicts.html", "scoreboard.png", "overview.png"),
    } <= set(names)
    runs = list((finished.folder / RESULTS / "metamers/runs").glob("*/*/*/s*"))
    videos = list((finished.folder / RESULTS).rglob("*.mp4"))
    assert len([name for name in names if name.endswith(".mp4")]) == len(videos) > len(runs) + 2
    assert (finished.folder / RESULTS / "report.zip").stat().st_size < 100e6


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.report
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine")
def test_the_report_opens_in_a_browser(finished: Workspace, tmp_path: Path) -> None:
    assert CHROMIUM is not None, "CI asks for Chromium, and there is none"
    page = report_page(finished, tmp_path / "report")
    shown = browse(CHROMIUM, page, tmp_path / "profile")
    menu = shown.split('id="app"')[1]
    for text in ("Workflow", "Statistics", "metamers", "verdicts"):
        assert text in menu
    table = next((page.parent / "data").rglob("t2.html"))
    assert "blocked (weights)" in browse(CHROMIUM, table, tmp_path / "profile")


def browse(browser: str, page: Path, profile: Path) -> str:
    """Return the document after its scripts ran; an error in a script fails the test."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    command = [
        browser,
        *options,
        f"--user-data-dir={profile}",
        "--virtual-time-budget=10000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    errors = [
        line
        for line in done.stderr.splitlines()
        if "CONSOLE" in line and ("Error" in line or "Uncaught" in line)
    ]
    assert errors == []
    # the page carries its own scripts; what they rendered is in the document's body
    return done.stdout
