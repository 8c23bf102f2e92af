"""Both families' problems: gradients of their losses against finite differences, learning, state, several views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.papers.metamers.worlds import (
    grad_of,
    material_settings,
    material_world,
    objective,
    shape_settings,
    shape_world,
)

from rerender.core.errors import UserError
from rerender.core.meshes import Mesh, icosphere
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.fitting.progress import Silent
from rerender.papers.metamers.geometry import GeometryProblem, mesh_of
from rerender.papers.metamers.material import MaterialProblem
from rerender.perception.metrics.geometry import geometry_metrics

pytestmark = pytest.mark.usefixtures("variant")
SEEDS = SeedStream(("test",))


def geometry(model: str = "mae", **changes: object) -> GeometryProblem:
    world = shape_world()
    return GeometryProblem(world, icosphere(3), objective(world, model), shape_settings(**changes))


def material(model: str = "mse", scene: str = "diffuse", **changes: object) -> MaterialProblem:
    world = material_world(scene)
    settings = material_settings(**changes)
    return MaterialProblem(world, objective(world, model, batched=settings.batched_views), settings)


@pytest.mark.parametrize("model", ["mse", "ssim", "frontend"])
def test_shape_loss_gradient_against_finite_differences(model: str) -> None:
    """Along growth of the latent, which moves every silhouette. The two sides agree to 3 %, and between seeds."""
    problem = geometry(model, views_per_step=4, spp=32, spp_grad=32)
    settings = shape_settings(views_per_step=4, spp=32, spp_grad=1)
    # losses only: its gradients are not looked at
    values = GeometryProblem(problem.world, icosphere(3), problem.objective, settings)
    base = problem.latent.detach().clone()
    problem.step(0, SEEDS)
    assert problem.latent.grad is not None
    slope = float((problem.latent.grad * base).sum())
    pair = []
    for sign in (1, -1):
        values.latent = ((1 + sign * 0.04) * base).requires_grad_(True)
        pair.append(values.step(0, SEEDS).loss)
    assert slope == pytest.approx((pair[0] - pair[1]) / 0.08, rel=0.15, abs=2e-4)


@pytest.mark.parametrize(
    ("model", "batched"), [("mse", False), ("dual_buffer", False), ("dual_buffer", True), ("ssim", False)]
)
def test_material_loss_gradient_against_finite_differences(model: str, batched: bool) -> None:
    problem = material(model, spp=64, spp_grad=64, batched_views=batched)
    base = torch.full((4, 6, 3), 0.12)
    problem.tensors["base_color"] = base.clone().requires_grad_(True)
    problem.step(0, SEEDS)
    slope = float(grad_of(problem, "base_color").sum())
    problem.settings = material_settings(spp=64, spp_grad=1, batched_views=batched)  # losses only
    pair = []
    for sign in (1, -1):
        problem.tensors["base_color"] = (base + sign * 0.04).requires_grad_(True)
        pair.append(problem.step(0, SEEDS).loss)
    difference = (pair[0] - pair[1]) / 0.08
    assert difference < -1e-3
    assert slope == pytest.approx(difference, rel=0.1)


@pytest.mark.parametrize(("model", "replays"), [("dual_buffer", True), ("mse", False)])
def test_only_the_dual_buffer_may_replay_its_own_paths(
    model: str, replays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = material(model, batched_views=True)
    asked: list[bool] = []
    render = problem.renderer.render
    monkeypatch.setattr(
        problem.renderer, "render", lambda *a, **k: asked.append(k["replay"]) or render(*a, **k)
    )
    problem.step(0, SEEDS)
    assert asked == [replays]


def test_every_view_contributes_to_a_material_step() -> None:
    """The original loses all views but the last; here the gradient of four views is the mean of the four."""
    problem = material(spp=16, spp_grad=16)
    problem.step(0, SEEDS)
    joint = grad_of(problem, "base_color").clone()
    whole = problem.objective.target
    single = []
    for view in range(4):
        leaf = problem.tensors["base_color"].detach().clone().requires_grad_(True)
        stream = SEEDS.child("optimise", 0)  # the first round of renders
        radiance = problem.renderer.render(
            {"object.bsdf.base_color.data": leaf}, views=(view,), seeds=(stream.seed(view),), spp=16
        )
        loss, _ = problem.objective(radiance, [view])
        loss.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        single.append(leaf.grad)
    assert len(whole[0]) == 4
    assert all(float(g.abs().sum()) > 0 for g in single)
    assert torch.allclose(joint, torch.stack(single).mean(0), rtol=1e-3, atol=1e-6)


def test_a_short_shape_fit_approaches_the_target(tmp_path: Path) -> None:
    problem = geometry(remesh_steps=(15,))
    result = fit(
        problem, LoopSettings(iterations=40, window=2), tmp_path, run_id="s", seeds=SEEDS, progress=Silent()
    )
    target = shape_world().mesh
    start, end = icosphere(3), mesh_of(result.best, 15.0)
    assert (
        geometry_metrics(end, target, 3000)["chamfer_l1"]
        < 0.6 * geometry_metrics(start, target, 3000)["chamfer_l1"]
    )
    assert problem.lr == pytest.approx(0.08) and problem.rejected == 0
    assert {"similarity", "vertices"} <= set(result.history.columns)


def test_a_short_material_fit_finds_the_colours(tmp_path: Path) -> None:
    problem = material("dual_buffer", batched_views=True)
    result = fit(
        problem, LoopSettings(iterations=40, window=10), tmp_path, run_id="m", seeds=SEEDS, progress=Silent()
    )
    fitted = result.best["base_color"]
    assert fitted.min() >= 0.001 - 1e-6 and fitted.max() <= 1.0
    left, right = fitted[1:3, 1:3].mean((0, 1)), fitted[1:3, 3:5].mean((0, 1))
    assert left[0] > left[2] + 0.2, "the left half of the target is red"
    assert np.ptp(right) < 0.25, "the right half is grey"


def test_state_round_trip_across_a_remesh() -> None:
    problem = geometry(remesh_steps=(0,))
    problem.step(0, SEEDS)
    assert problem.project(0) and not problem.project(1)
    tree = problem.state()
    other = geometry()
    other.load_state(tree)
    assert other.step(1, SEEDS).loss == problem.step(1, SEEDS).loss
    assert torch.equal(other.latent.grad, problem.latent.grad)  # type: ignore[arg-type]
    assert np.array_equal(mesh_of(tree, 15.0).vertices, problem.mesh().vertices)
    mine, theirs = problem.observe(2), other.observe(2)
    assert mine.scalars == theirs.scalars and mine.scalars["gradient_scale"] > 0
    np.testing.assert_array_equal(mine.pictures["gradients"], theirs.pictures["gradients"])
    assert mine.pictures["gradients"].shape == (32, 4 * 32)


def test_observation_is_a_strip_and_changes_nothing() -> None:
    problem = geometry()
    before = problem.latent.detach().clone()
    first, second = problem.observe(0), problem.observe(7)
    assert first.frame is not None and first.frame.shape == (32, 4 * 32, 3)
    assert np.array_equal(first.frame, second.frame) and torch.equal(before, problem.latent)


def test_an_open_or_broken_start_is_refused() -> None:
    sphere = icosphere(2)
    world = shape_world()
    goal = objective(world, "mae", spp=4)
    with pytest.raises(UserError, match="start mesh"):
        GeometryProblem(world, Mesh(sphere.vertices, sphere.faces[3:]), goal, shape_settings())
    broken = sphere.vertices.copy()
    broken[0, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        GeometryProblem(world, Mesh(broken, sphere.faces), goal, shape_settings())


def test_translucent_parameters_have_their_bounds_and_start() -> None:
    problem = material(scene="translucent")
    parameters = problem.parameters()
    assert set(parameters) == {"roughness", "eta", "base_color", "spec_trans"}
    assert (parameters["eta"].low, parameters["eta"].high) == (1.01, 4.1)
    assert float(parameters["eta"].tensor.detach()) == pytest.approx(1.64)
    assert float(parameters["base_color"].tensor.detach().max()) == pytest.approx(0.001)
    problem.step(0, SEEDS)
    assert all(p.tensor.grad is not None and torch.isfinite(p.tensor.grad).all() for p in parameters.values())
    seen = problem.observe(1)
    assert seen.pictures["base_color"].shape == (4, 6, 3) and seen.scalars["gradient_scale"] > 0
    assert seen.pictures["gradients"].shape == (32, 4 * 32)
