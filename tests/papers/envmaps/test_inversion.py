from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tests.papers.envmaps.test_embedding import unfitted
from tests.papers.envmaps.tiny import IMAGE, MatrixLight, sky, small

from rerender.core.errors import UserError
from rerender.core.seeds import SeedStream
from rerender.fitting.progress import Silent
from rerender.papers.envmaps.fit import FittedMap, fit_map
from rerender.papers.envmaps.inversion import (
    Inversion,
    InversionProblem,
    count_collapses,
    invert,
    learning_rate,
    make_problem,
    read_snapshots,
)
from rerender.papers.envmaps.specs import InversionSettings, ObjectiveSettings, RepresentationSpec
from rerender.perception.models.base import load_model
from rerender.rendering.light_model import LightModel
from rerender.runtime.signals import Interrupted

SEEDS = SeedStream(("inversion", 0))
LIGHT = MatrixLight()
TARGET = LIGHT.render(torch.from_numpy(np.roll(sky(), -4, axis=1))).numpy()
SHORT = InversionSettings(iterations=12, snapshot_every=5)


def run(folder: Path, name: str, settings: InversionSettings = SHORT, **more: object) -> Inversion:
    """Invert from a network that was never fitted, which is as good a start as any for the mechanics."""
    fitted = unfitted() if name.startswith(("siren", "rsiren")) else None
    keywords = {"fitted": fitted, "progress": Silent(), "light": LIGHT} | more
    return invert(
        small(name), sky(), TARGET, settings=settings, workdir=folder, run_id=name, seeds=SEEDS, **keywords  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_stand_in_is_a_light_model() -> None:
    assert isinstance(LIGHT, LightModel)


@pytest.mark.parametrize("name", ["pixels", "logpix", "siren", "siren_stock"])
def test_the_whole_chain_against_finite_differences(name: str) -> None:
    """From the embedding's tensor through decoding, rendering and Eq. 10 with all terms, in double precision."""
    light = MatrixLight(dtype=torch.float64)
    settings = InversionSettings(iterations=9, objective=ObjectiveSettings(mse=2.0, tone="reinhard"))
    problem = make_problem(
        small(name), sky(), TARGET, light, settings, fitted=unfitted(), dtype=torch.float64
    )
    tensor = problem.embedding.tensor
    found = problem.step(4, SEEDS)
    assert tensor.grad is not None
    slope, start = tensor.grad.clone(), tensor.detach().clone()
    assert found.scalars["raw_norm"] == pytest.approx(float(slope.norm()))
    for seed in range(2):
        direction = torch.from_numpy(np.random.default_rng(seed).standard_normal(slope.shape))
        step, ends = 1e-6, []
        for sign in (1, -1):
            with torch.no_grad():
                tensor.copy_(start + sign * step * direction)
            ends.append(problem.step(4, SEEDS).scalars["objective"])
        expected = float((slope * direction).sum())
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("mode", ["paper_like", "stabilised"])
@pytest.mark.parametrize("name", ["pixels", "logpix", "siren"])
def test_the_rendering_comes_closer_and_the_map_stays_a_map(tmp_path: Path, name: str, mode: str) -> None:
    settings = InversionSettings(iterations=60, mode=mode)  # type: ignore[arg-type]
    fitted, start = None, sky()
    spec: RepresentationSpec = small(name, iterations=150)
    if name == "siren":
        fitted, _ = fit_map(sky(), spec, tmp_path / "fit", run_id="f", seeds=SEEDS, progress=Silent())
        start = fitted.decode()
    found = invert(
        spec, sky(), TARGET, LIGHT, settings, tmp_path, run_id="i", seeds=SEEDS, fitted=fitted, progress=Silent()
    )  # fmt: skip
    psnr = pl.read_parquet(found.history)["psnr"]
    assert psnr[-1] > psnr[0] + (1 if name == "siren" else 0)  # texels have far to go to a sun of 200
    for image in (found.best, found.last):
        assert image.shape == sky().shape and image.dtype == np.float32
        assert np.isfinite(image).all() and (image >= 0).all()
        assert not np.array_equal(image, start)


def test_history_best_and_last(tmp_path: Path) -> None:
    found = run(tmp_path, "logpix")
    history = pl.read_parquet(found.history)
    assert {"loss", "objective", "ssim", "luminance", "l1", "mse", "psnr", "raw_norm"} <= set(history.columns)
    assert history["psnr"].to_numpy() == pytest.approx(-10 * np.log10(history["mse"].to_numpy()))
    assert found.result.best_iteration == history["loss"].arg_min()
    problem = make_problem(small("logpix"), sky(), TARGET, LIGHT, SHORT)
    problem.load_state(found.result.best)
    assert np.array_equal(problem.radiance(), found.best)
    assert problem.step(0, SEEDS).loss == pytest.approx(history["loss"].min())
    problem.load_state(found.result.last)
    assert np.array_equal(problem.radiance(), found.last)
    # ends agree where the ramps do
    assert history["objective"][-1] == pytest.approx(history["loss"][-1])
    assert found.step_seconds > 0 and found.collapses == 0


def test_snapshots_and_frames(tmp_path: Path) -> None:
    found = run(tmp_path, "pixels")
    snapshots = read_snapshots(found.snapshots)
    assert list(snapshots) == [0, 5, 10, 12]
    assert np.array_equal(snapshots[0], sky()) and np.array_equal(snapshots[12], found.last)
    assert [path.name for path in sorted(found.frames.glob("*.png"))] == [f"{i:06d}.png" for i in snapshots]
    none = run(tmp_path / "none", "pixels", InversionSettings(iterations=2))
    assert read_snapshots(none.snapshots) == {}


@pytest.mark.parametrize("name", ["pixels", "logpix", "siren"])
def test_a_resumed_inversion_equals_the_uninterrupted_one(tmp_path: Path, name: str) -> None:
    whole = run(tmp_path / "whole", name)
    light = MatrixLight()

    class Stops(MatrixLight):
        calls = 0

        def render(self, map_upper: torch.Tensor, seed: int = 0) -> torch.Tensor:
            self.calls += 1
            if self.calls == 6:
                os.kill(os.getpid(), signal.SIGUSR1)
            return light.render(map_upper, seed)

    with pytest.raises(Interrupted):
        run(tmp_path / "broken", name, light=Stops())
    again = run(tmp_path / "broken", name)
    assert again.result.resumed_from == 6
    for attribute in ("best", "last"):
        assert getattr(again, attribute).tobytes() == getattr(whole, attribute).tobytes()
    tables = [pl.read_parquet(one.history).drop("wall_s") for one in (whole, again)]
    assert tables[0].equals(tables[1])


def test_noise_is_fresh_in_every_step_and_the_same_in_every_run(tmp_path: Path) -> None:
    class Noisy(MatrixLight):
        def __init__(self) -> None:
            super().__init__()
            self.seeds: list[int] = []

        def render(self, map_upper: torch.Tensor, seed: int = 0) -> torch.Tensor:
            self.seeds.append(seed)
            return super().render(map_upper)

    lights = [Noisy(), Noisy()]
    for number, light in enumerate(lights):
        run(tmp_path / str(number), "pixels", light=light)
    assert lights[0].seeds == lights[1].seeds
    assert len(set(lights[0].seeds)) == SHORT.iterations


def test_the_stabilised_mode_clips_and_slows_down(tmp_path: Path) -> None:
    settings = InversionSettings(iterations=12, mode="stabilised", clip=1e-3)
    history = run(tmp_path, "siren", settings).result.history
    norm, raw = history["grad_norm"].to_numpy(), history["raw_norm"].to_numpy()
    assert norm == pytest.approx(np.minimum(raw, 1e-3), rel=1e-4) and (raw > 1e-3).any()
    assert history["lr"].to_list() == pytest.approx([3e-4 * learning_rate(settings)(i) for i in range(12)])
    plain = run(tmp_path / "plain", "siren").result.history
    assert plain["grad_norm"].to_numpy() == pytest.approx(plain["raw_norm"].to_numpy())
    assert set(plain["lr"]) == {3e-4}


def test_collapses_are_counted_once_each() -> None:
    assert count_collapses([20, 25, 30, 29, 28]) == 0
    assert count_collapses([20, 30, 23, 10, 23]) == 1
    assert count_collapses([20, 30, 23, 26, 23, 27, 31, 24]) == 2
    assert count_collapses([]) == 0


def test_a_non_finite_rendering_ends_the_run_with_the_last_good_map(tmp_path: Path) -> None:
    class Breaks(MatrixLight):
        calls = 0

        def render(self, map_upper: torch.Tensor, seed: int = 0) -> torch.Tensor:
            self.calls += 1
            return super().render(map_upper) * (torch.nan if self.calls > self.good else 1.0)

        good = 3

    found = run(tmp_path, "pixels", light=Breaks())
    assert found.result.failed and found.result.iterations == 3 and np.isfinite(found.last).all()
    Breaks.good = 0
    with pytest.raises(UserError, match="'pixels' failed in its first step"):
        run(tmp_path / "none", "pixels", light=Breaks())


def test_what_is_refused(tmp_path: Path) -> None:
    def problem(spec: RepresentationSpec, image: np.ndarray, target: np.ndarray) -> InversionProblem:
        fitted: FittedMap = unfitted()
        return make_problem(spec, image, target, LIGHT, SHORT, fitted=fitted)

    with pytest.raises(UserError, match=r"target has shape \(5, 5, 3\); the scene needs \(12, 12, 3\)"):
        problem(small("siren"), sky(), np.ones((5, 5, 3), np.float32))
    with pytest.raises(UserError, match=r"initial map has shape \(16, 64, 3\)"):
        problem(small("siren"), sky(height=16, width=64), TARGET)
    with pytest.raises(UserError, match="'siren_dists' needs a perceptual model"):
        problem(small("siren_dists"), sky(), TARGET)


def test_the_dists_row_pulls_the_map_to_the_initial_one() -> None:
    """A step with the stand-in differs from one without, by the term's own weight."""
    image = sky(height=16, width=64)

    class Large(MatrixLight):
        map_shape = (16, 64)

        def __init__(self) -> None:
            super().__init__()
            self.map_shape = (16, 64)
            self.matrix = (
                torch.rand(IMAGE[0] * IMAGE[1], 16 * 64, generator=torch.Generator().manual_seed(0)) / 1000
            )

    light = Large()
    target = light.render(torch.from_numpy(image).roll(-8, 1)).numpy()
    model = load_model("dists_proxy")
    problem = make_problem(small("pixels_dists"), image, target, light, SHORT, perceptual=model)
    with torch.no_grad():
        problem.embedding.tensor.mul_(0.9)
    found = problem.step(0, SEEDS)
    weights = problem.objective.weights(0)
    assert found.scalars["dists_proxy"] > 0
    assert found.scalars["objective"] == pytest.approx(
        sum(weight * found.scalars[name] for name, weight in weights.items()), rel=1e-4
    )
