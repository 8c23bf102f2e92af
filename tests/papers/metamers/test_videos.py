"""Run videos and mosaics on a made-up results tree, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.papers.metamers.pictures import Pictures
from rerender.papers.metamers.videos import (
    BAR,
    HOLD_SECONDS,
    LINE,
    TURNTABLE_FPS,
    _losses,
    _progress,
    make_mosaic,
    make_run_video,
    make_turntable,
)
from rerender.reporting.videos import probe_video, read_video


def test_run_video_shows_target_current_and_error(synthetic: Any, tmp_path: Path) -> None:
    run = synthetic.runs[0]
    make_run_video(run, tmp_path / "v.mp4", names=synthetic.names)
    info = probe_video(tmp_path / "v.mp4")
    movie = Pictures(run).movie["frames"]
    factor = info.width // movie.shape[2]
    assert info.width == movie.shape[2] * factor >= 480
    assert info.height == 4 * movie.shape[1] * factor + 6 * LINE + BAR
    assert info.frames == len(movie) + int(HOLD_SECONDS * info.fps)
    frames = read_video(tmp_path / "v.mp4").astype(int)
    strip = movie.shape[1] * factor
    tops = [2 * LINE + index * (strip + LINE) for index in range(3)]
    target, first, error = (frames[0, top : top + strip] for top in tops)
    expected = movie[0].repeat(factor, 0).repeat(factor, 1).astype(int)
    assert np.abs(first - expected).mean() < 6
    last = frames[-1, tops[1] : tops[1] + strip]
    assert np.abs(last - target).mean() < 0.5 * np.abs(first - target).mean()
    assert frames[-1, tops[2] : tops[2] + strip].mean() < error.mean()


def test_a_run_video_has_gradients_on_one_scale_and_the_textures_of_a_material(
    synthetic: Any, tmp_path: Path
) -> None:
    run = next(run for run in synthetic.runs if run.scene == "diffuse")
    make_run_video(run, tmp_path / "v.mp4", names=synthetic.names)
    movie = Pictures(run).movie["frames"]
    frames = read_video(tmp_path / "v.mp4").astype(int)
    factor = frames.shape[2] // movie.shape[2]
    strip, width = movie.shape[1] * factor, frames.shape[2]
    top = 5 * LINE + 3 * strip
    first, middle, last = (frames[index, top : top + strip] for index in (0, 2, -1))
    assert np.ptp(first.mean((0, 1))) < 6, "nothing was kept before the first step: white"
    colours = [one[:, : width // 3].mean((0, 1)) for one in (middle, last)]
    assert all(red > blue + 40 for red, _, blue in colours), "brighter raises the loss: red"
    assert colours[0][2] > colours[1][2] + 20, "half the scale is paler in the middle than at the end"
    assert np.ptp(last[:, -width // 3 :].mean((0, 1))) < 6, "zero is white in every frame"
    texture = frames[0, -20:-4, width // 2 + 20 : width - 20]
    assert np.abs(texture - 90).mean() < 6


def test_a_run_without_gradients_has_no_such_rows(make_tree: Any, tmp_path: Path) -> None:
    tree = make_tree(seeds=1)
    run = tree.runs[0]
    kept = load_tree(run.frames)
    save_tree(run.frames, {name: kept[name] for name in ("frames", "iterations")})
    make_run_video(run, tmp_path / "v.mp4", names=tree.names)
    factor = probe_video(tmp_path / "v.mp4").width // kept["frames"].shape[2]
    assert probe_video(tmp_path / "v.mp4").height == 3 * kept["frames"].shape[1] * factor + 4 * LINE


def test_rate_can_be_set(synthetic: Any, tmp_path: Path) -> None:
    make_run_video(synthetic.runs[0], tmp_path / "v.mp4", names=synthetic.names, fps=12)
    assert probe_video(tmp_path / "v.mp4").fps == 12


def test_mosaic_has_a_column_a_model_and_the_lowest_seed(synthetic: Any, tmp_path: Path) -> None:
    runs = [run for run in synthetic.runs if run.scene == "suzanne"]
    assert len(runs) == 4
    make_mosaic(runs, tmp_path / "m.mp4", names=synthetic.names)
    info = probe_video(tmp_path / "m.mp4")
    size = Pictures(runs[0]).movie["frames"].shape[1]
    cell = size * -(-160 // size)
    assert info.width == 3 * cell + 2 * 4
    assert info.frames == 5 + int(HOLD_SECONDS * info.fps)


def test_a_turntable_shows_target_and_results_for_two_turns(synthetic: Any, tmp_path: Path) -> None:
    runs = [run for run in synthetic.runs if run.scene == "suzanne"]
    make_turntable(runs, tmp_path / "t.mp4", names=synthetic.names)
    info = probe_video(tmp_path / "t.mp4")
    assert (info.frames, info.fps, info.width) == (2 * 4, TURNTABLE_FPS, 3 * 160 + 2 * 4)
    frames = read_video(tmp_path / "t.mp4").astype(int)
    assert np.abs(frames[0] - frames[4]).mean() < 2 < np.abs(frames[0] - frames[1]).max()
    target, result = (frames[0, 2 * LINE :, left : left + 160] for left in (0, 164))
    assert np.abs(target - result).mean() > 2


def test_a_mosaic_of_different_scenes_is_refused(synthetic: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dragon/constant, suzanne/constant"):
        make_mosaic([r for r in synthetic.runs if r.family == "geometry"], tmp_path / "m.mp4")
    with pytest.raises(UserError, match="not of none"):
        make_mosaic([], tmp_path / "m.mp4")


def test_progress_takes_the_loss_of_the_iteration_or_the_one_before(synthetic: Any) -> None:
    losses = {0: 0.5, 1: 0.25}
    assert _progress(1, losses) == "render at iteration 1   loss 0.25"
    assert _progress(2, losses) == "render at iteration 2   loss 0.25"
    assert _progress(9, losses) == "render at iteration 9"
    pictures = Pictures(synthetic.runs[0])
    trace = pl.read_parquet(synthetic.runs[0].trace)
    assert _losses(pictures)[3] == trace["loss"][3]
