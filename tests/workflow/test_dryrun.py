"""Every tier and every profile resolves from the root, with the jobs that its grid asks for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.catalogue.photographs import synthetic
from tests.workflow.conftest import Workspace

from rerender.catalogue import registry
from rerender.core.cameras import turntable_cameras
from rerender.papers.envmaps import grid as envmaps_grid
from rerender.papers.envmaps.settings import EXPERIMENTS, split_place
from rerender.papers.envmaps.tiers import TIERS as ENVMAPS_TIERS
from rerender.papers.materials import grid as materials_grid
from rerender.papers.materials.tiers import TIERS as MATERIALS_TIERS
from rerender.papers.metamers.tiers import TIERS
from rerender.papers.physics import grid as physics_grid
from rerender.papers.physics.tiers import TIERS as PHYSICS_TIERS
from rerender.papers.viewpoints import grid as viewpoints_grid
from rerender.papers.viewpoints.tiers import TIERS as VIEWPOINTS_TIERS
from rerender.workflow import envmaps, materials, metamers, physics
from rerender.workflow.session import Session

pytestmark = pytest.mark.workflow


def expected_counts(tier: str) -> dict[str, int]:
    """Count the jobs of a tier from its settings, with no asset at hand."""
    geometry, material = TIERS[tier].geometry, TIERS[tier].material
    models = registry.vision_models()
    shapes = [name for name in geometry.models if not models[name].weights]
    surfaces = [name for name in material.models if not models[name].weights]
    shape_places = len(geometry.scenes) * len(geometry.envmaps)
    shape_runs = shape_places * len(shapes) * geometry.seeds
    material_runs = len(material.scenes) * len(surfaces) * material.seeds
    own_meshes = [name for name in VIEWPOINTS_TIERS[tier].scenes.meshes if name not in geometry.scenes]
    return expected_papers_counts(tier) | {
        "asset_envmap": len([name for name in geometry.envmaps if name != "constant"]) + 1,
        "asset_mesh": len(geometry.scenes) + len(material.scenes) + len(own_meshes),
        "asset_texture": 1,
        "metamers_ablate": len([case for case in TIERS[tier].ablations if not models[case.model].weights]),
        "metamers_references": shape_places + len(material.scenes),
        "metamers_optimise_geometry": shape_runs,
        "metamers_optimise_material": material_runs,
        "metamers_evaluate": shape_places + len(material.scenes),
        "metamers_metrics": 1,
        "metamers_table": len(metamers.TABLES),
        "metamers_figure": 12,
        "metamers_video": shape_places + len(material.scenes),
        "aggregate_metrics": 1,
        "aggregate_overview": 1,
        "aggregate_scoreboard": 1,
        "aggregate_verdicts": 1,
        "all": 1,
    }


def expected_papers_counts(tier: str) -> dict[str, int]:
    """Count the jobs of the other papers."""
    return (
        expected_envmaps_counts(tier)
        | expected_physics_counts(tier)
        | expected_viewpoints_counts(tier)
        | expected_materials_counts(tier)
    )


def expected_materials_counts(tier: str) -> dict[str, int]:
    """Count the jobs of the materials part of a tier from its settings."""
    settings = MATERIALS_TIERS[tier]
    session = Session({"tier": tier})
    jobs = materials_grid.jobs(settings)
    return {
        "materials_scene": len({job.scene for job in jobs}),
        "materials_light": len({job.envmap for job in jobs} | {settings.pictures.relight}),
        "materials_capture": len(materials_grid.captures(settings)),
        "materials_fit": len(jobs),
        "materials_refine": len(materials_grid.fine_jobs(settings)),
        "materials_metrics": 1,
        "materials_table": len(materials.table_names(session, tier)),
        "materials_figure": len(materials.figure_names(session, tier)),
        "materials_video": len(materials.videos(session, tier)),
    }


def expected_viewpoints_counts(tier: str) -> dict[str, int]:
    """Count the jobs of the viewpoints part of a tier from its settings."""
    settings = VIEWPOINTS_TIERS[tier]
    jobs = viewpoints_grid.jobs(settings)
    return {
        "viewpoints_scene": len({*settings.scenes.all, *settings.view_rooms}),
        "viewpoints_search": len(jobs),
        "viewpoints_present": len([job for job in jobs if job.experiment in settings.runs]),
        "viewpoints_stills": 1,
        "viewpoints_basins": 1,
        "viewpoints_gradients": len(settings.scenes.all),
        "viewpoints_metrics": 1,
        "viewpoints_table": 6,
        "viewpoints_predictor": 1,
        "viewpoints_views": settings.views.rooms,
        "viewpoints_figure": 5,
    }


def expected_envmaps_counts(tier: str) -> dict[str, int]:
    """Count the jobs of the envmaps part of a tier from its settings, without weights."""
    settings = ENVMAPS_TIERS[tier]
    jobs = envmaps_grid.jobs(settings, "weights")
    shifted = [job for job in jobs if job.experiment in EXPERIMENTS]
    fits = len(envmaps_grid.fitted(settings))
    places = {job.scene for job in jobs}
    counts = {
        "envmaps_sky": fits,
        "envmaps_scene": len({split_place(place)[0] for place in places}),
        "envmaps_fit": len(envmaps_grid.fits(settings)),
        "envmaps_bake": len(places) if settings.render.backend == "transport" else 0,
        "envmaps_invert": len(shifted) // len(settings.inversion.modes),
        "envmaps_edit": len(jobs) - len(shifted),
        "envmaps_metrics": 1,
        "envmaps_table": len(envmaps.TABLES),
        "envmaps_figure": len(envmaps.FIGURES),
        "envmaps_video": len(settings.inversion.modes)
        + len([job for job in jobs if job.experiment.startswith("edit_")]),
    }
    return {rule: count for rule, count in counts.items() if count}


def expected_physics_counts(tier: str) -> dict[str, int]:
    """Count the jobs of the physics part of a tier from its settings."""
    jobs = physics_grid.jobs(PHYSICS_TIERS[tier])
    runs = {f"physics_{job.experiment}": 0 for job in jobs}
    for job in jobs:
        runs[f"physics_{job.experiment}"] += 1
    return runs | {
        "physics_landscape": 1,
        "physics_growth": 1,
        "physics_demos": 1,
        "physics_convnet": 1,
        "physics_metrics": 1,
        "physics_table": len(physics.TABLES),
        "physics_figure": len(physics.DRAWN),
        "physics_sequences": 1,
        "physics_films": 1,
    }


@pytest.mark.parametrize("tier", TIERS)
def test_all_resolves_with_the_jobs_of_the_grid(workspace: Workspace, tier: str) -> None:
    assert workspace.job_counts("--config", f"tier={tier}") == expected_counts(tier)


def test_the_default_tier_is_laptop(workspace: Workspace) -> None:
    said = workspace.snakemake("-n", "metamers_tables")
    assert "results/laptop/metamers/tables/t1.csv" in said
    assert "results/paper" not in said


def test_the_slurm_profile_resolves_from_the_root_and_selects_the_paper_tier(workspace: Workspace) -> None:
    said = workspace.snakemake("--profile", "slurm", "-n", "all_tables")
    assert "results/paper/metamers/tables/t4.md" in said
    assert "results/laptop" not in said


def test_an_own_edit_reuses_the_sky_and_bakes_its_own_place(workspace: Workspace) -> None:
    own = "{lamp: {scene: bunny, roughness: 0.25, sky: sky_00, edit: colour_temperature}}"
    tiers = f"tiers={{smoke: {{envmaps: {{edits: {{own: {own}}}}}}}}}"
    counts = workspace.job_counts("envmaps_edits", "--config", "tier=smoke", tiers)
    made = ("envmaps_sky", "envmaps_fit", "envmaps_scene", "envmaps_bake", "envmaps_own_edit")
    assert counts == dict.fromkeys((*made, "envmaps_edits"), 1)


def test_an_own_capture_is_one_job_and_needs_a_light_alone(workspace: Workspace) -> None:
    synthetic(workspace.folder / "photos", turntable_cameras(4))
    tiers = "tiers={smoke: {materials: {own: {mug: {folder: photos}}}}}"
    counts = workspace.job_counts("materials_own", "--config", "tier=smoke", tiers)
    assert counts == dict.fromkeys(("materials_light", "materials_own_capture", "materials_own"), 1)


@pytest.mark.parametrize(
    "target",
    [
        *("metamers_videos", "all_figures", "verdicts", "report", "fetch"),
        *("metamers", "envmaps", "physics", "viewpoints", "materials"),
    ],
)
def test_every_target_resolves(workspace: Workspace, target: str) -> None:
    assert workspace.job_counts(target, "--config", "tier=smoke")


def test_the_workflow_folder_has_an_entry_as_well(workspace: Workspace) -> None:
    counts = workspace.job_counts("--snakefile", "workflow/Snakefile", "--config", "tier=smoke")
    expected = expected_counts("smoke")
    expected["default"] = expected.pop("all")
    assert counts == expected


def test_one_figure_needs_only_its_own_family(workspace: Workspace) -> None:
    counts = workspace.job_counts("results/smoke/metamers/figures/f3.png")
    assert "metamers_optimise_geometry" not in counts
    assert counts["metamers_optimise_material"] == expected_counts("smoke")["metamers_optimise_material"]


def test_weights_at_hand_unblock_their_model(workspace: Workspace, tmp_path: Path) -> None:
    spec = registry.vision_model("resnet")
    ledger = (workspace.folder / "config" / "assets.tsv").read_text().splitlines()
    header = ledger[0].split("\t")
    files = {
        line.split("\t")[0]: line.split("\t")[header.index("file")] for line in ledger[1:] if "\t" in line
    }
    (tmp_path / "weights").mkdir()
    for asset in spec.weights:
        (tmp_path / "weights" / files[asset]).write_bytes(b"a file of this name is enough to plan")
    override = "tiers={smoke: {metamers: {geometry: {models: [mae, resnet]}}}}"
    before = workspace.job_counts("--config", "tier=smoke", override)
    after = workspace.job_counts("--config", "tier=smoke", override, f"assets={{mirror: {tmp_path}}}")
    assert before["metamers_optimise_geometry"] == 1
    assert after["metamers_optimise_geometry"] == 2


def test_outputs_can_be_redirected(workspace: Workspace) -> None:
    said = workspace.snakemake(
        "-n", "metamers_tables", "--config", "tier=smoke", "pathvars={results: elsewhere}"
    )
    assert "elsewhere/smoke/metamers/tables/t1.csv" in said
    assert " results/" not in said


def test_parsing_loads_no_numerical_library(workspace: Workspace) -> None:
    probe = (
        "import sys\n"
        "from rerender.workflow import assets, envmaps, materials, metamers, targets, viewpoints\n"
        "from rerender.workflow.session import Session\n"
        "session = Session({'tier': 'paper'})\n"
        "metamers.grid_params(session, 'paper'), session.code('rerender.papers.metamers.optimise')\n"
        "session.stack('rerender.papers.metamers.optimise'), metamers.evaluate_params(session, 'paper', 'suzanne')\n"
        "envmaps.grid_params(session, 'paper'), envmaps.metric_files(session, 'paper')\n"
        "viewpoints.grid_params(session, 'paper'), viewpoints.metric_files(session, 'paper')\n"
        "materials.grid_params(session, 'paper'), materials.metric_files(session, 'paper')\n"
        "envmaps.fit_params(session, 'paper', 'mud_road_puresky'), session.code('rerender.papers.envmaps.experiment')\n"
        "heavy = {'numpy', 'torch', 'mitsuba', 'drjit', 'polars', 'pandas', 'scipy', 'matplotlib', 'skimage'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=workspace.folder,
        env=workspace.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_one_table_of_envmaps_makes_no_figure(workspace: Workspace) -> None:
    counts = workspace.job_counts("results/smoke/envmaps/tables/table2.csv", "--config", "tier=smoke")
    assert counts["envmaps_table"] == 1
    assert "envmaps_figure" not in counts and "metamers_optimise_geometry" not in counts


def test_a_physics_run_outside_the_grid_names_what_there_is(workspace: Workspace) -> None:
    target = "results/smoke/physics/runs/rigid_mas/default/s1/final.npz"
    said = workspace.snakemake("-n", target, "--config", "tier=smoke", code=None)
    assert "Did you mean 'rigid_mass'?" in said


def test_an_envmaps_run_outside_the_grid_names_what_there_is(workspace: Workspace) -> None:
    target = "results/smoke/envmaps/runs/shift/hors/sky_00/paper_like/s1/final.npz"
    said = workspace.snakemake("-n", target, "--config", "tier=smoke", code=None)
    assert "Did you mean 'horse'?" in said


def test_what_is_remembered_while_planning_changes_no_plan(workspace: Workspace) -> None:
    plans = []
    for fast in ("true", "false"):
        said = workspace.snakemake("-n", "metamers", "--config", "tier=smoke", f"fast_planning={fast}")
        lines = said[said.index("Building DAG") :].splitlines()
        # times, numbers of jobs and the order of files in a reason differ from call to call
        kept = [line for line in lines if not line.startswith("[") and "jobid:" not in line]
        words = (re.split(r"[\s,;]+", re.sub(r"^Job \d+", "Job", line)) for line in kept)
        plans.append(sorted(map(sorted, words)))
    assert plans[0] == plans[1]
    assert sum("Reason:" in line for line in plans[0]) > 20
