from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.fitting.toy import same
from tests.papers.envmaps.tiny import sky, small
from torch import Tensor

from rerender.core.errors import UserError
from rerender.core.files import load_tree, save_tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.fitting.progress import Silent
from rerender.papers.envmaps import fit as fit_module
from rerender.papers.envmaps.fit import FitLoss, FitProblem, FittedMap, fit_map, learning_rate
from rerender.papers.envmaps.normalisation import Normaliser
from rerender.papers.envmaps.quality import FitQuality
from rerender.papers.envmaps.siren import SirenGrid, initial_weights
from rerender.papers.envmaps.specs import FitSettings, NormaliserSettings
from rerender.runtime.signals import Interrupted

SEEDS = SeedStream(("fit", 0))


def fitted_to(folder: Path, name: str, **fit: float) -> tuple[FittedMap, object]:
    return fit_map(sky(), small(name, **fit), folder, run_id=name, seeds=SEEDS, progress=Silent())


@pytest.mark.parametrize("settings", [
    FitSettings(lam_log=1, lam_hdr=0), FitSettings(lam_log=0, lam_hdr=10), FitSettings(lam_log=0.3, lam_hdr=2),
])  # fmt: skip
@pytest.mark.parametrize("curve", ["log", "linear"])
def test_equation_4_and_its_gradient(settings: FitSettings, curve: str) -> None:
    image = sky().astype(np.float64)
    normaliser = Normaliser.of(image, NormaliserSettings(curve=curve))  # type: ignore[arg-type]
    loss = FitLoss(image, normaliser, settings, dtype=torch.float64)
    exact = torch.from_numpy(image)
    outputs = (normaliser.normalise(exact) + 0.05 * torch.sin(37 * exact)).requires_grad_()
    log = (outputs - normaliser.normalise(exact)).square().mean()
    hdr = ((normaliser.radiance(outputs) - exact) / exact.max()).square().mean()
    expected = settings.lam_log * log + settings.lam_hdr * hdr
    (slope,) = torch.autograd.grad(expected, outputs)
    parts = [loss(outputs.detach()[first : first + 3], first) for first in range(0, len(image), 3)]
    assert float(sum(part for part, _ in parts)) == pytest.approx(float(expected.detach()), rel=1e-12)
    torch.testing.assert_close(torch.cat([grad for _, grad in parts]), slope, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("settings", [FitSettings(lam_hdr=0), FitSettings(lam_log=0), FitSettings()])
def test_the_whole_loss_against_finite_differences(settings: FitSettings) -> None:
    image, network = sky(), small("siren").network
    loss = FitLoss(image, Normaliser.of(image), settings, dtype=torch.float64)
    grid = SirenGrid(network, *image.shape[:2], dtype=torch.float64)
    weights = initial_weights(network, 0).double()

    def value(at: Tensor) -> float:
        return float(grid.loss_and_gradient(at, loss, torch.empty_like(at)))

    gradient = torch.empty_like(weights)
    grid.loss_and_gradient(weights, loss, gradient)
    for seed in range(3):
        direction = torch.from_numpy(np.random.default_rng(seed).standard_normal(len(weights)))
        step = 1e-7
        slope = (value(weights + step * direction) - value(weights - step * direction)) / (2 * step)
        assert slope == pytest.approx(float(gradient @ direction), rel=1e-5)


def batched(batch: int, **fit: float) -> FitProblem:
    return FitProblem(sky(), small("siren", batch=batch, **fit), seed=4)


def gradient_of(problem: FitProblem, iteration: int) -> tuple[float, Tensor]:
    loss = problem.step(iteration, SEEDS.child(iteration)).loss
    assert problem.weights.grad is not None
    return loss, problem.weights.grad.double()


def test_batches_are_unbiased() -> None:
    """Loss and gradient over many batches against the whole map's, in standard errors along random directions."""
    problem, steps = batched(40, lam_hdr=100.0), 1500
    slope = torch.empty_like(problem.weights.detach())
    loss = float(problem.whole(problem.weights, slope))
    directions = torch.from_numpy(np.random.default_rng(5).standard_normal((20, len(slope))))
    seen = []
    for iteration in range(steps):
        found, gradient = gradient_of(problem, iteration)
        seen.append([found, *(directions @ gradient).tolist()])
    exact = np.array([loss, *(directions @ slope.double()).tolist()])
    error = np.mean(seen, axis=0) - exact
    deviation = np.std(seen, axis=0, ddof=1)
    assert (deviation > 0.01 * np.abs(exact)).any()  # it is random at all
    assert (np.abs(error) < 4.5 * deviation / np.sqrt(steps)).all()


def test_a_batch_of_the_whole_map_is_the_full_batch() -> None:
    problem = batched(10_000)
    slope = torch.empty_like(problem.weights.detach())
    loss = float(problem.whole(problem.weights, slope))
    found, gradient = gradient_of(problem, 0)
    assert found == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(gradient, slope.double(), rtol=1e-3, atol=1e-5)


def test_patches_make_less_noise_than_texels_at_random() -> None:
    """And the brightest texels less again, which carry the HDR loss: that is what they are for."""

    def noise(**fit: float) -> float:
        problem = batched(40, lam_hdr=100.0, **fit)
        return float(torch.stack([gradient_of(problem, k)[1] for k in range(200)]).var(0).sum())

    at_random = np.random.default_rng(0)
    problem = batched(40, lam_hdr=100.0, batch_brightest=0)
    assert problem.batches is not None
    problem.batches.texels.draw = lambda seed: at_random.integers(0, sky()[..., 0].size, 40)  # type: ignore[method-assign]
    independent = float(torch.stack([gradient_of(problem, k)[1] for k in range(200)]).var(0).sum())
    patches, brightest = noise(batch_brightest=0), noise(batch_brightest=0.125)
    assert brightest < 0.7 * patches and patches < independent


def test_a_fit_by_batches_finds_the_map_and_its_sun(tmp_path: Path) -> None:
    fitted, _ = fitted_to(tmp_path, "siren", iterations=400, lr=5e-3, batch=64)
    assert fitted.quality.psnr_log > 28 and fitted.quality.peak_ratio > 0.5


def test_a_fit_finds_the_map_and_its_sun(tmp_path: Path) -> None:
    fitted, result = fitted_to(tmp_path, "siren", iterations=400, lr=5e-3)
    assert fitted.quality.psnr_log > 30 and fitted.quality.peak_ratio > 0.5
    assert not fitted.complaint and fitted.refits == 0
    assert fitted.decode() == pytest.approx(FittedMap.from_state(fitted.state()).decode())


def test_the_hdr_loss_keeps_the_peak(tmp_path: Path) -> None:
    with_it, _ = fitted_to(tmp_path / "with", "siren", iterations=150)
    without, _ = fitted_to(tmp_path / "without", "siren_wo", iterations=150)
    assert with_it.quality.peak_ratio > 1.2 * without.quality.peak_ratio


def test_a_file_brings_the_fit_back_exactly(tmp_path: Path) -> None:
    fitted, _ = fitted_to(tmp_path, "rsiren_a", iterations=10)
    save_tree(tmp_path / "fit.npz", fitted.state())
    back = FittedMap.from_state(load_tree(tmp_path / "fit.npz"))
    assert torch.equal(back.weights, fitted.weights)
    assert (back.normaliser, back.network, back.quality) == (
        fitted.normaliser,
        fitted.network,
        fitted.quality,
    )
    assert np.array_equal(back.decode(), fitted.decode())
    # the loop's own grid and a new one agree
    assert back.quality == FitQuality.of(back.decode(), sky())


@pytest.mark.parametrize(
    ("name", "batch"), [("siren", None), ("rsiren_b", None), ("siren", 50), ("rsiren_b", 50)]
)
def test_a_resumed_fit_equals_the_uninterrupted_one(tmp_path: Path, name: str, batch: int | None) -> None:
    spec = small(name).changed(fit={"batch": batch})
    whole, broken = (FitProblem(sky(), spec, seed=1) for _ in range(2))
    settings = LoopSettings(iterations=30, lr_schedule=whole.schedule, observe_every=10)
    expected = fit(whole, settings, tmp_path / "a", run_id="r", seeds=SEEDS, progress=Silent())
    step = broken.step

    def stopped(iteration: int, seeds: SeedStream) -> object:
        if iteration == 13:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGUSR1)
        return step(iteration, seeds)

    broken.step = stopped  # type: ignore[method-assign,assignment]
    with pytest.raises(Interrupted):
        fit(broken, settings, tmp_path / "b", run_id="r", seeds=SEEDS, progress=Silent())
    again = FitProblem(sky(), spec, seed=99)  # all of the start must come from the checkpoint
    found = fit(again, settings, tmp_path / "b", run_id="r", seeds=SEEDS, progress=Silent())
    assert found.resumed_from == 14
    assert same(found.last, expected.last) and same(found.best, expected.best)
    assert found.history["loss"].to_list() == expected.history["loss"].to_list()


def test_the_guard_halves_the_perturbation_until_it_is_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = FitQuality(20, 20, 0.1, 1.0), FitQuality(30, 30, 0.9, 1.0)
    judgements = iter([bad, bad, good])
    monkeypatch.setattr(fit_module.FitQuality, "of", staticmethod(lambda *_: next(judgements)))
    fitted, result = fitted_to(tmp_path, "rsiren_b", iterations=3)
    assert (fitted.gamma, fitted.refits, fitted.complaint) == (0.0025, 2, "")
    assert result.iterations == 3  # type: ignore[attr-defined]


def test_the_guard_gives_up_after_max_refits_and_says_so(tmp_path: Path) -> None:
    spec = small("rsiren_b", iterations=1)
    fitted, _ = fit_map(sky(), spec, tmp_path, run_id="x", seeds=SEEDS, max_refits=1, progress=Silent())
    assert fitted.refits == 1 and fitted.gamma == 0.005
    assert "peak" in fitted.complaint


def test_plain_networks_are_never_refitted(tmp_path: Path) -> None:
    fitted, _ = fitted_to(tmp_path, "siren", iterations=1)
    assert fitted.refits == 0 and fitted.complaint


def test_the_schedule_is_one_cosine_or_restarts() -> None:
    assert learning_rate(FitSettings(iterations=100))(50) == pytest.approx(0.5)
    restarted = learning_rate(FitSettings(iterations=100, restart_every=50))
    assert [restarted(i) for i in (0, 25, 50)] == pytest.approx([1, 0.5, 1])


def test_pixels_are_not_fitted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'pixels' is not fitted"):
        fitted_to(tmp_path, "pixels")


def test_stock_siren_regresses_radiance(tmp_path: Path) -> None:
    fitted, _ = fitted_to(tmp_path, "siren_stock", iterations=5)
    assert fitted.normaliser.curve == "linear" and (fitted.decode() >= 0).all()
