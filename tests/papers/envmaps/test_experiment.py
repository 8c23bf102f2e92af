"""A sky's fits and one job of the grid from end to end, on a made-up transport matrix: files, rows, resume, figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree, write_json
from rerender.core.latlong import shift_columns
from rerender.papers.envmaps import experiment, grid
from rerender.papers.envmaps.bakes import Place
from rerender.papers.envmaps.edit_specs import EDITS
from rerender.papers.envmaps.experiment import RunRequest, run_jobs
from rerender.papers.envmaps.figures import DRAWERS, FigureFiles, make_figure
from rerender.papers.envmaps.fits import FitRequest, fit_sky, load_fits
from rerender.papers.envmaps.metrics import display
from rerender.papers.envmaps.runfiles import INITIAL, Job, RunFiles
from rerender.papers.envmaps.settings import EnvmapsSettings
from rerender.papers.envmaps.tiers import TIERS
from rerender.papers.envmaps.videos import COLUMN_WIDTH, HOLD_SECONDS, LINE, make_run_video, snapshots_of
from rerender.provenance.manifest import Code, read_manifest
from rerender.rendering.bitmaps import write_exr
from rerender.rendering.transport import Transport
from rerender.reporting.grids import as_bytes
from rerender.reporting.rows import aggregate, read_rows
from rerender.reporting.videos import enlarge, probe_video, read_video

HEIGHT, SIZE = 16, 16
CODE = Code(("test",), {"test": "1"}, "fingerprint")
STACK = {"torch": "any"}
ROWS = ("pixels", "siren", "rsiren_a")
EDIT_FIGURES = {
    "fig1": ("edit_move_shadow", "edit_add_reflection"),
    "fig11": ("ablation_none", "ablation_full"),
    "fig12": ("limit_dark_spot",),
    "fig13": ("edit_move_shadow", "edit_add_reflection"),
}


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
        run_jobs({self.run.folder: self.request}, CODE, STACK, state_root=self.folder / "state")


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


def test_jobs_in_one_process_keep_their_checkpoints_until_all_are_done(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [replace(made.request.job, seed=seed) for seed in (3, 4)]
    requests = {made.folder / job.path: replace(made.request, job=job) for job in jobs}
    real, asked = experiment.invert_one, []

    def stopping(request, scenery, spec, *rest):  # type: ignore[no-untyped-def]
        asked.append(request.job.seed)
        if asked[-1] == 4:
            raise SystemExit(75)
        return real(request, scenery, spec, *rest)

    monkeypatch.setattr(experiment, "invert_one", stopping)
    with pytest.raises(SystemExit):
        run_jobs(requests, CODE, STACK, state_root=made.folder / "state")
    (first,) = (made.folder / "state").iterdir()
    assert {path.name for path in first.iterdir()} == set(ROWS)
    monkeypatch.setattr(experiment, "invert_one", real)
    run_jobs(requests, CODE, STACK, state_root=made.folder / "state")
    assert not list((made.folder / "state").glob("*"))
    assert all((folder / "final.npz").is_file() for folder in requests)


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


@pytest.mark.parametrize("name", EDIT_FIGURES)
def test_a_figure_of_edits_shows_target_and_results_of_each(made: Made, tmp_path: Path, name: str) -> None:
    aggregate([made.run.metrics], tmp_path / "metrics.parquet")
    final = load_tree(made.run.final)
    final["edited"] = np.ones((SIZE, SIZE), dtype=bool)
    runs = [
        RunFiles.at(tmp_path / experiment / "atenea/sky_00/stabilised/s1")
        for experiment in EDIT_FIGURES[name]
    ]
    for run in runs:
        save_tree(run.final, final)
    paths = make_figure(
        name,
        FigureFiles(metrics=tmp_path / "metrics.parquet", runs=tuple(runs)),
        tmp_path / name,
        tier="smoke",
        settings=settings(),
        expected=(),
    )
    data = pl.read_parquet(paths[2])
    found = data.filter(pl.col("representation").is_not_null() & (pl.col("kind") == "map"))
    wanted = ["rsiren_a"] if name == "fig1" else list(ROWS)
    assert found["representation"].to_list() == wanted * len(runs)
    assert found["experiment"].unique().sort().to_list() == sorted(EDIT_FIGURES[name])


def test_the_statistics_of_a_sky_are_the_same_when_it_turns_and_differ_when_it_brightens() -> None:
    from rerender.papers.envmaps.edit_runs import histogram_distance

    sky = np.exp(np.random.default_rng(4).normal(size=(HEIGHT, 4 * HEIGHT, 3)))
    assert histogram_distance(shift_columns(sky, 5), sky) == pytest.approx(0.0, abs=1e-9)
    assert histogram_distance(2 * sky, sky) == pytest.approx(np.log(2.0), rel=0.01)
    # near the zenith a texel covers less of the sky than at the horizon
    zenith, horizon = sky.copy(), sky.copy()
    zenith[0], horizon[-1] = 2 * sky[0], 2 * sky[-1]
    assert histogram_distance(zenith, sky) < 0.2 * histogram_distance(horizon, sky)


def test_a_video_has_a_column_a_representation_and_a_frame_a_snapshot(made: Made, tmp_path: Path) -> None:
    place = Place("mirror_sphere", made.request.parts, SIZE, (HEIGHT, 4 * HEIGHT))
    told = {"place": place, "transport": made.request.transport, "floor_level": 0.5, "spp": 1}
    make_run_video(made.run, tmp_path / "v.mp4", **told)
    final = load_tree(made.run.final)
    info = probe_video(tmp_path / "v.mp4")
    steps = {int(step) for found in final["runs"].values() for step in found["snapshots"]}
    assert info.frames == len(steps) + int(HOLD_SECONDS * info.fps)
    columns = 2 + len(ROWS)
    assert info.width == columns * COLUMN_WIDTH + (columns - 1) * 6
    # the second column's map is the truth, and the last column's first map what the network held
    frame = read_video(tmp_path / "v.mp4")[0].astype(int)
    for column, expected in ((1, final["truth"]), (columns - 1, final["runs"]["rsiren_a"]["snapshots"]["0"])):
        sky = enlarge(as_bytes(display(expected)), COLUMN_WIDTH // (4 * HEIGHT)).astype(int)
        left, top = column * (COLUMN_WIDTH + 6), 2 * LINE + 4
        seen = frame[top : top + sky.shape[0], left : left + COLUMN_WIDTH]
        other = frame[top : top + sky.shape[0], :COLUMN_WIDTH]
        # half of the colours are lost to 4:2:0
        assert np.abs(seen - sky).mean() < 0.3 * np.abs(other - sky).mean()


def test_a_run_without_snapshots_has_no_video() -> None:
    with pytest.raises(UserError, match="snapshot_every"):
        snapshots_of({"snapshots": {}})


def test_the_weights_of_an_edit_are_its_own_and_the_ablation_drops_terms() -> None:
    chosen, edit = settings(), EDITS["colour_temperature"]
    full, none = chosen.edit_settings(edit).objective, chosen.edit_settings(edit, "none").objective
    assert (full.luminance.start, full.luminance.end, full.mse) == (edit.luminance, edit.luminance, edit.mse)
    assert (none.luminance.end, none.l1.end, none.perceptual) == (0.0, 0.0, 0.0)
    assert none.ssim == full.ssim
    assert chosen.edit_settings(edit, "luminance").objective.luminance == full.luminance


@pytest.mark.parametrize("name", sorted(set(DRAWERS) - {"fig7", "fig9", "fig10", *EDIT_FIGURES}))
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
