"""The step: gradients by finite differences and by branch, resuming, and that it finds materials at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.papers.materials.tiny import capture

from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.papers.materials.fields import GridSettings, MaterialField
from rerender.papers.materials.fit import LIGHT_GAIN, MaterialFit
from rerender.papers.materials.methods import METHODS, Method
from rerender.papers.materials.normals import NormalError
from rerender.papers.materials.settings import RegulariserSettings, StageSettings
from rerender.papers.materials.sources import FieldSource, TextureSource
from rerender.rendering import split_sum_twin as twin
from rerender.rendering.filtered_light import LearnedLight
from rerender.runtime.signals import Interrupted

GRID = GridSettings(levels=3, log2_table=9, finest=32)
STREAM = SeedStream(("test", "materials"))


def problem(
    method: str | Method = "two", steps: int = 20, learned: bool = False, error: NormalError | None = None
) -> MaterialFit:
    how = METHODS[method] if isinstance(method, str) else method
    taken = capture()
    field = MaterialField(how.branches, GRID, (taken.box[0], taken.box[1]), 1)
    light = LearnedLight(height=16) if learned else taken.light
    stage, weights = StageSettings(steps=steps, batch=2), RegulariserSettings()
    return MaterialFit(
        FieldSource(field, how), taken.train, light, how, "coarse", stage, weights, STREAM, error
    )


def gradients(of: MaterialFit, iteration: int = 10) -> dict[str, torch.Tensor]:
    of.step(iteration, STREAM.child("step", iteration))
    found = {name: tensor.grad for name, (tensor, _, _) in of.leaves.items()}
    assert all(gradient is not None for gradient in found.values())
    return {name: gradient.clone() for name, gradient in found.items()}  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["joint_undivided", "two"])
def test_the_step_s_gradient_agrees_with_finite_differences(method: str) -> None:
    """Along a random direction of all weights; the step's own random numbers stay the same."""
    of = problem(method)
    rng = np.random.default_rng(0)
    # away from the start, where features are nearly zero
    with torch.no_grad():
        for tensor, _, is_table in of.leaves.values():
            if is_table:
                tensor.copy_(torch.from_numpy(rng.normal(0, 0.3, tensor.shape)))
    slopes = gradients(of)
    towards = {name: torch.from_numpy(rng.normal(size=value.shape)).float() for name, value in slopes.items()}
    wanted = sum(float((slopes[name] * towards[name]).sum()) for name in slopes)
    step, ends = 2e-4, []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for name, (tensor, _, _) in of.leaves.items():
                tensor.add_(towards[name], alpha=sign * step)
        ends.append(of.step(10, STREAM.child("step", 10)).loss)
        with torch.no_grad():
            for name, (tensor, _, _) in of.leaves.items():
                tensor.sub_(towards[name], alpha=sign * step)
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(wanted, rel=0.03)


def test_isolated_branches_follow_their_own_losses() -> None:
    """The sum of what isolated branches miss is what the other loss gives: A's own part and B's own part differ from the sum."""
    summed, isolated = gradients(problem("two")), gradients(problem("two_isolated"))
    assert summed.keys() == isolated.keys()
    assert all(not torch.allclose(summed[name], isolated[name]) for name in summed if ".layers." in name)
    one_loss = replace(
        METHODS["two"],
        branches=(METHODS["two"].branches[0], replace(METHODS["two"].branches[1], coarse=(("mse", 0.0),))),
    )
    alone = gradients(problem(one_loss))
    for name, value in alone.items():
        if name.startswith("branches.0"):
            torch.testing.assert_close(value, isolated[name], rtol=1e-4, atol=1e-9)


def test_upstream_s_factors_on_the_gradients() -> None:
    plain, divided = gradients(problem("joint_undivided")), gradients(problem("joint"))
    for name, value in plain.items():
        factor = 8.0 if ".grid." in name else 1.0
        torch.testing.assert_close(value / factor, divided[name])
    of = problem("two", learned=True)
    of.step(3, STREAM)
    assert of.learned is not None and of.learned.base.grad is not None
    image = float(of.learned.base.grad.abs().max())
    assert image > 0 and LIGHT_GAIN == 64.0


def test_each_branch_has_its_schedule_and_b_begins_at_rest() -> None:
    found = problem("two", learned=True).parameters()
    rates = {name: one.lr * one.schedule(0) for name, one in found.items()}
    assert {rate for name, rate in rates.items() if name.startswith("branches.1")} == {0.0}
    assert {rate for name, rate in rates.items() if not name.startswith("branches.1")} == {0.03}
    assert found["light"].low == 0.0


def test_every_view_comes_once_before_any_comes_again() -> None:
    of = problem()
    drawn = [view for iteration in range(4) for view in of.drawn(iteration)]
    assert sorted(drawn[:4]) == sorted(drawn[4:]) == [0, 1, 2, 3]


def test_true_normals_are_the_surface_s_own() -> None:
    of, other = problem("two_true_normals"), problem("two")
    batch = of.views.batch([0])
    maps, _ = of.source.maps(batch)
    maps["normal"] = maps["normal"] + torch.tensor([0.5, 0.0, 0.0])
    plain = of.shade(batch, maps, 0)
    maps["normal"] = maps["normal"] - torch.tensor([0.9, 0.0, 0.0])
    torch.testing.assert_close(of.shade(batch, maps, 0), plain)
    assert not torch.allclose(other.shade(batch, maps, 0), plain)


def test_wrong_normals_fade_and_stay_orthonormal() -> None:
    surface = capture().train.surface
    error = NormalError.drawn(0.3, seed=4)
    angles = []
    for done in (0.0, 1.0):
        wrong = error.applied(surface, done)
        torch.testing.assert_close(wrong.normals.norm(dim=1), torch.ones(len(wrong)))
        assert (wrong.normals * wrong.tangents).sum(dim=1).abs().max() < 1e-5
        cosine = (wrong.normals * surface.normals).sum(dim=1).clamp(-1, 1)
        angles.append(float(torch.rad2deg(torch.arccos(cosine)).mean()))
    assert 8.0 < angles[0] < 30.0 and angles[1] < 1.0
    # at unit amplitude the field has variance 1 an axis
    spread = float(NormalError.drawn(1.0, seed=4).at(torch.randn(20000, 3) * 5).std())
    assert spread == pytest.approx(1.0, abs=0.25)


def test_a_fit_lowers_the_loss_and_resumes_bit_by_bit(tmp_path: Path) -> None:
    settings = LoopSettings(iterations=12, checkpoint_seconds=0.0)
    whole = fit(problem(steps=12), settings, tmp_path / "whole", run_id="r", seeds=STREAM)
    losses = whole.history["loss"].to_numpy()
    assert losses[-3:].mean() < 0.7 * losses[:3].mean()

    class Stopped(MaterialFit):
        def project(self, iteration: int) -> bool:
            if iteration == 6:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGTERM)
            return False

    first = problem(steps=12)
    first.__class__ = Stopped
    with pytest.raises(Interrupted):
        fit(first, settings, tmp_path / "cut", run_id="r", seeds=STREAM)
    rest = fit(problem(steps=12), settings, tmp_path / "cut", run_id="r", seeds=STREAM)
    assert rest.resumed_from == 7
    for name, value in whole.last.items():
        np.testing.assert_array_equal(rest.last[name], value)


def test_thinned_views_keep_their_targets() -> None:
    views = capture().train
    thin = views.thinned(2)
    assert thin.batch([0]).pixels == views.batch([0]).pixels / 4
    whole, part = (one.surface.images(one.target, -1.0) for one in (views, thin))
    assert torch.equal(part, whole[:, ::2, ::2])


@pytest.mark.parametrize("stage", ["coarse", "fine"])
def test_a_step_keeps_to_one_device(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the device `meta`, where tensors have shapes and no numbers, torch refuses what would fail on a GPU: a tensor of the CPU."""
    device, how = "meta", METHODS["two_isolated"]
    taken = capture().to(device)
    field = MaterialField(how.branches, GRID, (taken.box[0], taken.box[1]), 1, device)
    # kernels need numbers: in their place a matrix of the grid's shape, and the same formulas in torch
    monkeypatch.setattr("rerender.papers.materials.fit.shade", twin.shade)
    monkeypatch.setattr("rerender.papers.materials.fit.world_normals", twin.world_normals)
    for branch in field.branches:
        branch.grid = torch.nn.Linear(3, branch.grid.width, bias=False, device=device)
    textures = {"albedo": torch.rand(8, 8, 3), "normal": torch.rand(8, 8, 3)}
    textures |= {"roughness": torch.rand(8, 8, 1), "metallic": torch.rand(8, 8, 1)}
    of = MaterialFit(
        FieldSource(field, how) if stage == "coarse" else TextureSource(textures, how, device),  # type: ignore[arg-type]
        taken.train,
        LearnedLight(height=16).to(device),
        how,
        stage,
        StageSettings(steps=20, batch=2),
        RegulariserSettings(),
        STREAM,
        NormalError.drawn(0.3, 1).to(device),
    )
    batch = of.views.batch(of.drawn(10))
    losses, smooth = of.terms(batch, 10, torch.Generator())
    of.backward([loss + term for loss, term in zip(losses, smooth, strict=True)])
    gradients = [tensor.grad for tensor, _, _ in of.leaves.values()]
    assert all(gradient is not None and gradient.device.type == device for gradient in gradients)
