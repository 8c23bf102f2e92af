"""The grid: jobs, cells, fits and what is blocked."""

from __future__ import annotations

import pytest

from rerender.core.errors import UserError
from rerender.papers.envmaps import grid
from rerender.papers.envmaps.runfiles import RunFiles
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.envmaps.tiers import TIERS


def small(**changes: object) -> EnvmapsSettings:
    return TIERS["smoke"].model_copy(update=changes)


def test_a_job_is_a_place_a_sky_a_mode_and_a_seed() -> None:
    settings = small(seeds=2)
    jobs = grid.jobs(settings)
    assert len({job.path for job in jobs}) == len(jobs)
    shifts = [job for job in jobs if job.experiment.startswith("shift")]
    per_place = len(settings.inversion.modes) * 2
    assert len(shifts) == per_place * (1 + 1 + len(settings.table3.places) + 1)


def test_a_part_may_be_repeated_less_often_and_needs_fewer_fits_then() -> None:
    other = TIERS["laptop"].skies.all
    settings = TIERS["laptop"].model_copy(update={"seeds": 3})
    once = settings.table3.model_copy(update={"seeds": 1})
    changed = settings.model_copy(update={"table3": once})
    seeds = {job.seed for job in grid.jobs(changed) if job.scene == "bunny_r050"}
    assert seeds == {1}
    assert {job.seed for job in grid.jobs(changed) if job.scene == "mirror_sphere"} == {1, 2, 3}
    fits = grid.fits(changed)
    assert set(fits) == {(job.envmap, job.seed) for job in grid.jobs(changed)}
    assert {sky for sky, _ in fits} <= set(other)


def test_edits_and_the_ablation_are_jobs_of_one_mode_and_no_cells_of_tables() -> None:
    settings = TIERS["laptop"]
    others = [job for job in grid.jobs(settings) if not job.experiment.startswith("shift")]
    assert {job.mode for job in others} == {settings.edits.mode}
    edits = [job for job in others if job.experiment.startswith("edit_")]
    assert len(edits) == 2 * len(settings.edits.scenes)
    assert {job.experiment for job in others} - {job.experiment for job in edits} == {
        *("ablation_none", "ablation_luminance", "ablation_full", "limit_dark_spot"),
    }
    assert not any(cell.experiment.startswith(("edit_", "ablation_")) for cell in grid.cells(settings))


def test_parts_that_share_a_place_share_its_jobs_and_unite_their_rows() -> None:
    part = TIERS["smoke"].figure9.model_copy(update={"roughness": (0.5,), "representations": ("siren_wo",)})
    jobs = [job for job in grid.jobs(small(figure9=part)) if job.scene == "bunny_r050"]
    assert {job.representations for job in jobs} == {("pixels", "logpix", "siren", "rsiren_a", "siren_wo")}
    assert len(jobs) == 2


def test_blocked_rows_are_in_the_cells_with_their_reason_and_in_no_job() -> None:
    settings = TIERS["smoke"]
    assert not any("rsiren_a_dists" in job.representations for job in grid.jobs(settings, "weights"))
    assert any("rsiren_a_dists" in job.representations for job in grid.jobs(settings))
    reasons = {cell.representation: cell.blocked for cell in grid.cells(settings, "weights")}
    assert reasons["rsiren_a_dists"] == "weights"
    assert reasons["rsiren_a_dists_proxy"] is None and reasons["rsiren_a"] is None


def test_a_sky_is_fitted_once_for_all_scenes_and_rows() -> None:
    (sky, networks), *others = grid.fitted(TIERS["smoke"]).items()
    assert sky == "sky_00" and not others
    assert set(networks) == {"siren_wo", "siren", "rsiren_a", "rsiren_b", "siren_stock"}


def test_a_described_grid_comes_back() -> None:
    settings, cells = grid.described(grid.describe(TIERS["laptop"], "weights"))
    assert settings == TIERS["laptop"]
    assert cells == grid.cells(TIERS["laptop"], "weights")


def test_finished_runs_come_in_grid_order() -> None:
    jobs = grid.jobs(TIERS["smoke"])
    files = [f"results/smoke/envmaps/runs/{job.path}/final.npz" for job in reversed(jobs[:3])]
    found = grid.finished_runs(jobs, [*files, "somewhere/else/final.npz"])
    assert [run.scene for run in found] == [job.scene for job in jobs[:3]]
    assert found[0] == RunFiles.at(files[-1].removesuffix("/final.npz"))


def test_a_folder_of_another_shape_is_no_run() -> None:
    with pytest.raises(UserError, match="not the folder of an envmaps run"):
        RunFiles.at("runs/horse/paper_like")


def test_an_unknown_sky_names_the_closest_one() -> None:
    skies = TIERS["smoke"].skies.model_copy(update={"names": ("rustig_kopie_puresky",)})
    with pytest.raises(UserError, match="'rustig_koppie_puresky'"):
        grid.check_names(small(skies=skies))


@pytest.mark.parametrize("tier", TIERS)
def test_every_preset_names_what_exists(tier: str) -> None:
    grid.check_names(TIERS[tier])
