"""Pendula, chain, bouncing ball and smoke: energies, closed forms, and derivatives against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from rerender.papers.physics.demos import chain
from rerender.simulation import smoke
from rerender.simulation.bouncing import bounce, drop
from rerender.simulation.pendulum import bobs, double_energy, double_pendulum, integrate, simple_pendulum

F64 = torch.float64


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=F64)


def agrees(run: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor, eps: float = 1e-5) -> None:
    """Compare the derivative of a sum of squares along a direction with a central difference."""
    leaf = at.clone().requires_grad_()
    run(leaf).square().sum().backward()
    way = torch.linspace(0.5, 1.0, at.numel(), dtype=F64).reshape(at.shape)
    ends = [float(run(at + sign * eps * way).square().sum()) for sign in (1, -1)]
    assert leaf.grad is not None
    assert float((leaf.grad * way).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * eps), rel=1e-6)


def test_a_small_swing_is_a_damped_cosine() -> None:
    rate = simple_pendulum(number(1.0), number(9.91), damping=0.5)
    start = torch.tensor([1e-4, 0.0], dtype=F64)
    angles = integrate(rate, start, 0.01, 300)[:, 0]
    t, decay = torch.arange(301, dtype=F64) * 0.01, 0.25
    omega = math.sqrt(9.91 - decay**2)
    wanted = 1e-4 * torch.exp(-decay * t) * ((omega * t).cos() + decay / omega * (omega * t).sin())
    assert torch.allclose(angles, wanted, atol=1e-10)


def test_a_double_pendulum_keeps_its_energy_and_its_rods() -> None:
    lengths, masses = torch.tensor([1.0, 1.3], dtype=F64), torch.tensor([1.0, 0.7], dtype=F64)
    start = torch.tensor([3 * math.pi / 7, 0.0, 3 * math.pi / 4, 0.0], dtype=F64)
    states = integrate(double_pendulum(lengths, masses), start, 1 / 480, 800)
    energy = double_energy(states, lengths, masses)
    assert float((energy - energy[0]).abs().max()) < 1e-5
    assert float(states[:, 1].abs().max()) > 1.0
    places = bobs(states[:, [0, 2]], lengths)
    assert torch.allclose((places[:, 1] - places[:, 0]).norm(dim=-1), lengths[1].expand(801))


def test_a_chain_that_hangs_keeps_its_energy() -> None:
    states, energy = chain(100, 16)
    assert torch.equal(states[:, 0], states[:1, 0].expand(101, 3))
    assert float((energy - energy[0]).abs().max()) < 0.02 * float(energy.max() - energy.min() + 98.0)
    assert float(states[-1, :, 1].min()) < -2.0


def test_a_ball_comes_back_to_its_height_or_to_the_square_of_its_restitution() -> None:
    place, velocity = torch.tensor([0.0, 5.0], dtype=F64), torch.tensor([1.0, 0.0], dtype=F64)
    for restitution in (1.0, 0.8):
        seen = bounce(place, velocity, number(-9.0), radius=0.75, h=1e-3, steps=2200, restitution=restitution)
        landed = int(seen[:, 1].argmin())
        again = float(seen[landed:, 1].max()) - 0.75
        assert again == pytest.approx(restitution**2 * 4.25, abs=1e-4)
        assert float(seen[:, 1].min()) >= 0.75
        assert float(seen[-1, 0]) == pytest.approx(2.2)


def test_flow_is_free_of_divergence_after_many_sweeps_and_smoke_is_carried_along() -> None:
    draw = torch.Generator().manual_seed(1)
    velocity = torch.randn((2, 15, 15), generator=draw, dtype=F64)
    before = smoke.divergence(velocity).abs().mean()
    # central differences have a pressure of stride two: sweeps with the near stencil take part of it away
    assert smoke.divergence(smoke.project(velocity)).abs().mean() < 0.8 * before
    puff = torch.zeros((12, 12), dtype=F64)
    puff[3, 4] = 1.0
    wind = torch.tensor([2.0, 1.0], dtype=F64)[:, None, None].expand(2, 12, 12)
    seen = smoke.drift(puff, wind, 3)
    assert float(seen[3, 9, 7]) == pytest.approx(1.0) and float(seen[3].sum()) == pytest.approx(1.0)


def test_derivatives_are_those_of_finite_differences() -> None:
    start = torch.tensor([0.4, 0.3], dtype=F64)
    agrees(
        lambda p: integrate(simple_pendulum(p[0], p[1], 0.5), start, 0.05, 20),
        torch.tensor([1.1, 9.8], dtype=F64),
    )
    four = torch.tensor([1.0, 0.0, 1.5, 0.0], dtype=F64)
    one = torch.ones(2, dtype=F64)
    agrees(
        lambda p: integrate(double_pendulum(p, one), four, 1 / 60, 20), torch.tensor([1.0, 1.7], dtype=F64)
    )
    low = torch.tensor([0.0, 2.0], dtype=F64)
    agrees(
        lambda p: bounce(low, p[:2], p[2], radius=0.75, h=1 / 30, steps=40),
        torch.tensor([1.0, 0.2, -9.0], dtype=F64),
    )
    field = torch.zeros((9, 9), dtype=F64)
    field[2:5, 3:6] = 1.0
    draw = torch.Generator().manual_seed(2)
    agrees(lambda p: smoke.drift(field, p, 3), 0.3 * torch.randn((2, 9, 9), generator=draw, dtype=F64), 1e-6)


@pytest.mark.parametrize("restitution", [0.5, 0.8, 1.0])
def test_a_drop_in_closed_form_is_the_ball_that_bounces(restitution: float) -> None:
    start, still = torch.tensor([0.0, 2.5], dtype=F64), torch.zeros(2, dtype=F64)
    steps = {"radius": 0.5, "h": 5e-3, "steps": 300}
    seen = bounce(start, still, number(-7.0), restitution=restitution, **steps)[:, 1].numpy() - 0.5
    assert drop(np.arange(301) * 5e-3, 2.0, 7.0, restitution) == pytest.approx(seen, abs=1e-9)


def test_a_drop_ends_after_infinitely_many_rebounds_and_never_without_restitution() -> None:
    fall = math.sqrt(2.0)
    times = np.array([0.5 * fall, 2.9 * fall, 3.1 * fall])
    assert drop(times, 1.0, 1.0, 0.5)[[0, 2]] == pytest.approx([0.75, 0.0])
    assert 0.0 < drop(times, 1.0, 1.0, 0.5)[1] < 0.01
    assert drop(times, 1.0, 1.0, 0.0)[1:] == pytest.approx(0.0)
