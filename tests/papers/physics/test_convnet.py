"""The ConvNet baseline: that it learns, carries on after a kill, and answers for the objects of the other methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rerender.core.seeds import SeedStream
from rerender.papers.physics import convnet, regressor, rigid_mass
from rerender.papers.physics.convnet import train_and_answer
from rerender.papers.physics.grid import cells
from rerender.papers.physics.regressor import Training, VideoRegressor, Videos, train
from rerender.papers.physics.settings import PhysicsSettings
from rerender.papers.physics.specs import ConvnetSettings
from rerender.papers.physics.tiers import TIERS
from rerender.provenance.manifest import Code
from rerender.reporting.rows import read_rows

CODE = Code(("x",), {"x": "1"}, "code")
SMALL = ConvnetSettings(trunk="small", size=16, epochs=15, batch=16)
SEEDS = SeedStream(("test", 1))


def bright_videos(count: int, seed: int) -> Videos:
    """Return videos of two frames whose second one is as bright as the answer says."""
    draw = np.random.default_rng(seed)
    level = draw.uniform(0.1, 0.9, size=(count, 1))
    frames = draw.uniform(0.0, 0.1, size=(count, 2, 16, 16, 3))
    frames[:, 1] += level[:, :, None, None]
    return Videos((255 * frames.clip(0, 1)).astype(np.uint8), np.log(level))


def test_a_network_learns_what_a_video_shows(tmp_path: Path) -> None:
    trained, history = train(bright_videos(120, 1), SMALL, tmp_path, run_id="a", seeds=SEEDS)
    unseen = bright_videos(50, 2)
    errors = np.abs(trained.predict(unseen.frames) - unseen.logs).mean()
    assert errors < 0.3 * np.abs(unseen.logs - trained.middle).mean()
    assert history["held_back"].to_list() == sorted(history["held_back"], reverse=True)


def test_the_weights_are_those_that_were_best_on_held_back_videos(tmp_path: Path) -> None:
    """Where answers are random, learning them by heart makes new videos worse."""
    videos = bright_videos(60, 1)
    shuffled = Videos(videos.frames, np.random.default_rng(0).permutation(videos.logs))
    trained, history = train(shuffled, SMALL, tmp_path, run_id="a", seeds=SEEDS)
    lowest = history["held_back"].to_list()[-1]
    rows = slice(54, None)
    goals = (shuffled.logs[rows] - trained.middle) / trained.spread
    found = (trained.predict(shuffled.frames[rows]) - trained.middle) / trained.spread
    assert np.square(found - goals).mean() <= lowest * (1 + 1e-4)


def test_training_that_was_interrupted_ends_at_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SMALL.model_copy(update={"epochs": 3})
    videos = bright_videos(40, 1)
    whole, _ = train(videos, settings, tmp_path / "whole", run_id="a", seeds=SEEDS)
    step, calls = Training.step, []

    def cut_short(self: Training, iteration: int, seeds: SeedStream) -> Any:
        calls.append(iteration)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(self, iteration, seeds)

    patched = {"checkpoint_seconds": 0.0, "checkpoint_share": 1.0}
    loop = regressor.LoopSettings
    monkeypatch.setattr(regressor, "LoopSettings", lambda **given: loop(**given, **patched))
    monkeypatch.setattr(Training, "step", cut_short)
    with pytest.raises(KeyboardInterrupt):
        train(videos, settings, tmp_path / "cut", run_id="a", seeds=SEEDS)
    resumed, _ = train(videos, settings, tmp_path / "cut", run_id="a", seeds=SEEDS)
    assert calls[5] > 0
    for name, value in whole.state()["weights"].items():
        assert np.array_equal(value, resumed.state()["weights"][name])


def test_the_papers_trunk_has_512_features_a_frame() -> None:
    network = VideoRegressor("efficientnet_b0", frames=3, size=64, outputs=5, seed=1)
    assert network.head[0].in_features == 3 * 512
    assert network.eval()(bright_frames()).shape == (2, 5)


def bright_frames() -> Any:
    import torch

    return torch.zeros((2, 3, 64, 64, 3), dtype=torch.uint8)


def test_the_job_answers_for_every_test_object_of_both_tables(tmp_path: Path) -> None:
    settings: PhysicsSettings = TIERS["smoke"]
    folder = tmp_path / "convnet"
    train_and_answer(settings, CODE, {"numpy": "2"}, tier="smoke", folder=folder, state_root=tmp_path / "s")
    rows = read_rows(folder / "metrics.json")
    answered = set(rows.select("experiment", "scene", "seed").iter_rows())
    expected = {(one.experiment, one.scene, one.seed) for one in cells(settings) if one.method == "convnet"}
    assert answered == expected and len(expected) == 3
    request = convnet.tasks(settings, "smoke")[0].request(1)
    truth = {subject.name: subject.truth["mass"] for subject in rigid_mass.subjects(request)}
    told = rows.filter((pl.col("metric") == "truth/mass") & (pl.col("experiment") == "rigid_mass"))
    assert dict(told.select("scene", "value").iter_rows()) == pytest.approx(truth)
    assert not list((tmp_path / "s").iterdir())


def test_no_training_object_is_a_test_object() -> None:
    task = convnet.tasks(TIERS["smoke"], "smoke")[0]
    seen = {seeds.seed("object") for _, seeds in task.training()}
    assert len(seen) == task.videos
    assert not seen & {request.seeds(name).seed("object") for request, name in task.tests()}
