"""A sky's fits and one job of the grid from end to end, on a made-up transport matrix: files, rows, resume, figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from rerender.core.files import load_tree, write_json
from rerender.core.latlong import shift_columns
from rerender.papers.envmaps import experiment, grid
from rerender.papers.envmaps.edit_specs import EDITS
from rerender.papers.envmaps.experiment import RunRequest, run_job
from rerender.papers.envmaps.figures import DRAWERS, FigureFiles, make_figure
from rerender.papers.envmaps.fits import FitRequest, fit_sky, load_fits
from rerender.papers.envmaps.runfiles import INITIAL, Job, RunFiles
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.envmaps.tiers import TIERS
from rerender.provenance.manifest import Code, read_manifest
from rerender.rendering.bitmaps import write_exr
from rerender.rendering.transport import Transport
from rerender.reporting.rows import aggregate, read_rows

HEIGHT, SIZE = 16, 16
CODE = Code(("test",), {"test": "1"}, "fingerprint")
STACK = {"torch": "any"}
ROWS = ("pixels", "siren", "rsiren_a")


def settings() -> EnvmapsSettings:
    """Return settings of a few steps of tiny networks."""
    values = TIERS["smoke"].model_dump()
    values["fit"] |= {"width": 16, "iterations": 4}
    values["inversion"] |= {"iterations": 3, "snapshot_every": 2}
    return EnvmapsSettings.model_validate(values)


@dataclass
class Made:
    """A folder with everything that was made."""

    folder: Path
    request: RunRequest

    @property
    def run(self) -> RunFiles:
        return RunFiles.at(self.folder / self.request.job.path)

    @property
    def fits(self) -> Path:
        return self.folder / "fits"

    def make(self) -> None:
        run_job(self.request, CODE, STACK, folder=self.run.folder, state_root=self.folder / "state")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A sky with its fits, and one finished job."""
    folder, chosen = tmp_path_factory.mktemp("envmaps"), settings()
    rng = np.random.default_rng(1)
    sky = np.exp(rng.normal(size=(HEIGHT, 4 * HEIGHT, 3))).astype(np.float32)
    write_exr(folder / "sky.exr", sky)
    write_json(folder / "sky.json", {"origin": "mirror"})
    (folder / "parts.npz").write_bytes(b"not read where the transport is baked")
    write_json(folder / "parts.json", {"origin": "standin"})
    matrix = torch.from_numpy(rng.random((1, SIZE * SIZE, sky.shape[0] * sky.shape[1]), dtype=np.float32))
    Transport.from_matrix(matrix / matrix.shape[-1], (SIZE, SIZE), sky.shape[:2]).save(folder / "t.npz")
    names = ("siren_stock", "siren_wo", "siren", "rsiren_a")
    fit = FitRequest(
        "sky_00", folder / "sky.exr", 1, tuple(map(chosen.representation, names)), (0.03,), 2, 0, "smoke"
    )
    fit_sky(fit, CODE, STACK, folder=folder / "fits", state_root=folder / "state")
    request = RunRequest(
        job=Job("shift", "mirror_sphere", "sky_00", "paper_like", 1, ROWS),
        map=folder / "sky.exr",
        fits=folder / "fits" / "fits.npz",
        parts=folder / "parts.npz",
        transport=folder / "t.npz",
        specs=tuple(map(chosen.representation, ROWS)),
        settings=chosen.inversion_settings("paper_like"),
        columns=chosen.columns,
        image_size=SIZE,
        floor_level=0.5,
        spp=1,
        spp_grad=None,
        target_spp=None,
        edit=None,
        weights={},
        tier="smoke",
        variant="llvm_ad_rgb",
    )
    result = Made(folder, request)
    result.make()
    return result


def test_a_sky_has_all_its_networks_and_rows_with_and_without_noise(made: Made) -> None:
    assert set(load_fits(made.fits / "fits.npz")) == {"siren_stock", "siren_wo", "siren", "rsiren_a"}
    rows = read_rows(made.fits / "metrics.json")
    variants = rows.filter(pl.col("experiment") == "robustness")["variant"].unique().to_list()
    assert sorted(variants) == ["noise_0", "noise_3"]
    assert (
        rows.filter((pl.col("variant") == "noise_3") & (pl.col("metric") == "env/psnr"))["n"].to_list()
        == [2] * 4
    )
    assert set(rows["assets"]) == {"mirror"}
    assert read_manifest(made.fits / "manifest.json")["stage"] == "envmaps_fit"


def test_the_truth_is_the_initial_map_moved_left_and_the_target_its_rendering(made: Made) -> None:
    final = load_tree(made.run.final)
    assert np.array_equal(final["truth"], shift_columns(final["initial"], made.request.columns))
    light = experiment.set_up(made.request, torch.device("cpu")).light
    with torch.no_grad():
        again = light.render(torch.from_numpy(final["truth"]), 0)
    assert np.allclose(final["target"], again)
    assert set(final["runs"]) == set(ROWS)
    assert list(final["runs"]["siren"]["snapshots"]) == ["0", "2", "3"]


def test_rows_have_the_start_every_representation_and_a_reason_for_what_has_no_weights(made: Made) -> None:
    rows = read_rows(made.run.metrics)
    assert set(rows["representation"]) == {INITIAL, *ROWS}
    assert set(rows["assets"]) == {"standin"} and set(rows["variant"]) == {"default"}
    assert set(rows.filter(pl.col("value").is_null())["reason"]) == {"blocked (weights)"}
    blocked = set(rows.filter(pl.col("value").is_null())["metric"])
    assert blocked == {"env/lpips", "ren/lpips", "env/dists", "ren/dists"}
    values = rows.filter((pl.col("representation") == INITIAL) & (pl.col("metric") == "env/psnr"))["value"]
    initial, truth = (load_tree(made.run.final)[name] for name in ("initial", "truth"))
    from rerender.papers.envmaps.metrics import map_metrics

    assert values.to_list() == pytest.approx([map_metrics(initial, truth)["env/psnr"]])


def test_the_same_job_gives_the_same_files_and_leaves_no_state(made: Made) -> None:
    before = load_tree(made.run.final)["runs"]
    made.make()
    after = load_tree(made.run.final)["runs"]
    assert all(np.array_equal(before[name]["map"], after[name]["map"]) for name in ROWS)
    assert not list((made.folder / "state").glob("*"))


def test_an_interrupted_job_keeps_what_is_finished(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(made.request.job, seed=2)
    second = Made(made.folder, replace(made.request, job=job))
    real, asked = experiment.invert_one, []

    def stopping(request, scenery, spec, *rest):  # type: ignore[no-untyped-def]
        asked.append(spec.id)
        if asked == ["pixels", "siren"]:
            raise SystemExit(75)
        return real(request, scenery, spec, *rest)

    monkeypatch.setattr(experiment, "invert_one", stopping)
    with pytest.raises(SystemExit):
        second.make()
    (identity,) = (made.folder / "state").iterdir()
    assert [path.name for path in identity.iterdir()] == ["pixels"]
    second.make()
    rows = read_rows(second.run.metrics)
    assert set(rows["representation"]) == {INITIAL, *ROWS}
    assert read_manifest(second.run.manifest)["run_id"] == identity.name


def test_an_edit_is_judged_inside_and_outside_of_what_was_painted() -> None:
    from rerender.papers.envmaps.edit_runs import EDIT_METRICS, edit_metrics
    from rerender.papers.envmaps.edits import EditTarget

    rng = np.random.default_rng(3)
    picture = rng.uniform(0.2, 0.6, (SIZE, SIZE, 3)).astype(np.float32)
    edited = np.zeros((SIZE, SIZE), dtype=bool)
    edited[:4] = True
    rendering = picture.copy()
    rendering[:4] += 0.2
    sky = np.exp(rng.normal(size=(HEIGHT, 4 * HEIGHT, 3)))
    found = edit_metrics(2 * sky, sky, rendering, EditTarget(picture, edited))
    assert found.keys() == EDIT_METRICS.keys()
    assert found["edit/psnr_outside"] > 70 > 20 > found["edit/psnr_inside"]
    assert found["edit/y_ratio"] == pytest.approx(2.0)
    assert found["edit/map_log_rmse"] == pytest.approx(np.log(2.0), rel=0.01)


def test_the_weights_of_an_edit_are_its_own_and_the_ablation_drops_terms() -> None:
    chosen, edit = settings(), EDITS["colour_temperature"]
    full, none = chosen.edit_settings(edit).objective, chosen.edit_settings(edit, "none").objective
    assert (full.luminance.start, full.luminance.end, full.mse) == (edit.luminance, edit.luminance, edit.mse)
    assert (none.luminance.end, none.l1.end, none.perceptual) == (0.0, 0.0, 0.0)
    assert none.ssim == full.ssim
    assert chosen.edit_settings(edit, "luminance").objective.luminance == full.luminance


@pytest.mark.parametrize("name", sorted(set(DRAWERS) - {"fig7", "fig9", "fig10", "fig11", "fig13"}))
def test_a_figure_is_drawn_with_its_data(made: Made, tmp_path: Path, name: str) -> None:
    aggregate([made.fits / "metrics.json", made.run.metrics], tmp_path / "metrics.parquet")
    chosen = settings()
    files = FigureFiles(
        metrics=tmp_path / "metrics.parquet",
        maps=(made.request.map,),
        fits=(made.fits / "fits.npz",),
        runs=(made.run,),
    )
    expected = grid.cells(chosen, "weights")
    paths = make_figure(name, files, tmp_path / name, tier="smoke", settings=chosen, expected=expected)
    assert all(path.stat().st_size > 1000 for path in paths)
    assert pl.read_parquet(paths[2]).height > 0
