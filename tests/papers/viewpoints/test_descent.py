"""The search by Adam and the released recipe: gradients, the box that tanh makes, and resuming."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rerender.core.orbits import Orbit, view_angle
from rerender.core.painted import PaintedMesh
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings
from rerender.fitting.schedules import Cosine
from rerender.papers.viewpoints.descent import Descent
from rerender.papers.viewpoints.matching import Matcher, render_target
from rerender.papers.viewpoints.methods import METHODS
from rerender.papers.viewpoints.settings import SearchSettings
from rerender.rendering.painted_views import PaintedViews

TRUTH = Orbit(5.0, 30.0, 45.0)
STARTS = (Orbit(5.5, 36.0, 56.0), Orbit(4.6, 24.0, 38.0))
SETTINGS = SearchSettings(ladder=(24,), blurs=(3.0, 0.0), spp=4, target_spp=64)
SEEDS = SeedStream(("test",))


@pytest.fixture(scope="module")
def matchers(room: PaintedMesh) -> list[Matcher]:
    views = PaintedViews(room, 24)
    matcher = Matcher(views, render_target(views, TRUTH, SETTINGS, 0), SETTINGS)
    return [matcher, matcher]


def test_adam_approaches_the_camera_from_every_start(matchers: list[Matcher], tmp_path: Path) -> None:
    problem = Descent(matchers, STARTS, METHODS["adam"], 40, SEEDS)
    settings = LoopSettings(iterations=40, lr_schedule=Cosine(40, 1.0, 0.02))
    fit(problem, settings, tmp_path, run_id="test", seeds=SEEDS)
    left = [view_angle(orbit, TRUTH) for orbit in problem.orbits()]
    assert max(left) < 2.0 < min(view_angle(orbit, TRUTH) for orbit in STARTS)
    assert len(problem.path) == 40 and problem.path[0] == pytest.approx(
        np.stack([orbit.values(("distance", "elevation", "azimuth")) for orbit in STARTS])
    )


def test_the_released_recipe_cannot_leave_its_box(matchers: list[Matcher]) -> None:
    problem = Descent(matchers, STARTS, METHODS["upstream"], 10, SEEDS)
    with torch.no_grad():
        for name in ("weight_3", "bias_3"):
            problem.weights[name] *= 1e6
    moved = np.stack([orbit.values(("distance", "elevation", "azimuth")) for orbit in problem.orbits()])
    began = np.stack([orbit.values(("distance", "elevation", "azimuth")) for orbit in STARTS])
    assert np.abs(moved - began) == pytest.approx(np.tile((1.0, 9.0, 18.0), (2, 1)), abs=1e-6)


def test_the_gradient_of_the_network_is_the_chain_rule(matchers: list[Matcher]) -> None:
    problem = Descent(matchers[:1], STARTS[:1], METHODS["upstream"], 10, SEEDS)
    direction = torch.tensor([0.7, -0.2, 0.4], dtype=torch.float64)
    weight = problem.weights["weight_1"]
    (problem.cameras() @ direction).sum().backward()
    gradient = weight.grad
    assert gradient is not None
    index = np.unravel_index(int(gradient.abs().argmax()), weight.shape)
    with torch.no_grad():
        values = []
        for step in (1e-5, -2e-5):
            weight[index] += step
            values.append(float((problem.cameras() @ direction).sum()))
    assert float(gradient[index]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("method", ["adam", "upstream"])
def test_a_resumed_descent_is_the_uninterrupted_one(
    matchers: list[Matcher], tmp_path: Path, method: str
) -> None:
    whole = Descent(matchers, STARTS, METHODS[method], 6, SEEDS)
    fit(whole, LoopSettings(iterations=6), tmp_path / "whole", run_id="test", seeds=SEEDS)
    first = Descent(matchers, STARTS, METHODS[method], 6, SEEDS)
    fit(first, LoopSettings(iterations=3), tmp_path / "halves", run_id="test", seeds=SEEDS)
    second = Descent(matchers, STARTS, METHODS[method], 6, SEEDS)
    fit(second, LoopSettings(iterations=6), tmp_path / "halves", run_id="test", seeds=SEEDS)
    assert np.array_equal(whole.numbers.detach(), second.numbers.detach())
    assert np.array_equal(np.array(whole.path), np.array(second.path))
    assert (
        len(second.cpu_s) == 6
        and second.cpu_s == sorted(second.cpu_s)
        and second.cpu_s[2] >= first.cpu_s[2] > 0
    )
