"""Algorithms 1 and 2 against a literal transcription with two parameter sets and torch's own Adam."""

from __future__ import annotations

import pytest
import torch
from tests.papers.envmaps.test_siren import plain
from tests.papers.envmaps.tiny import HEIGHT, WIDTH, sky, small
from torch import Tensor

from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.awp import Adversary, scaled_perturbation
from rerender.papers.envmaps.fit import FitProblem
from rerender.papers.envmaps.siren import flat, initial_weights, named
from rerender.papers.envmaps.specs import NetworkSettings

NETWORK = NetworkSettings(width=8, hidden_layers=2)
GAMMA = 5e-3


def perturbed() -> tuple[Tensor, Tensor]:
    """Return weights and perturbed weights for a linear loss of random gradient."""
    weights = initial_weights(NETWORK, 0)
    slope = torch.randn(weights.shape, generator=torch.Generator().manual_seed(1))
    adversary = Adversary(weights, NETWORK, GAMMA, 1e-4)
    return weights, adversary.perturbed(weights, lambda at, out: out.copy_(slope), 1.0)


def test_norms_per_layer_and_untouched_biases() -> None:
    weights, moved = perturbed()
    layers = named(weights, NETWORK)
    for name, delta in named(moved - weights, NETWORK).items():
        if name.endswith("bias"):
            assert torch.equal(delta, torch.zeros_like(delta))
        else:
            assert float(delta.norm() / layers[name].norm()) == pytest.approx(GAMMA, rel=1e-4)


def test_it_goes_uphill_and_leaves_the_weights_alone() -> None:
    weights, moved = perturbed()
    assert torch.equal(weights, initial_weights(NETWORK, 0))
    slope = torch.randn(weights.shape, generator=torch.Generator().manual_seed(1))
    for name, delta in named(moved - weights, NETWORK).items():
        if name.endswith("weight"):
            # Adam's first step is the sign of the gradient
            assert torch.equal(delta.sign(), named(slope, NETWORK)[name].sign())


def test_add_and_subtract_restores_the_weights() -> None:
    weights, moved = perturbed()
    assert float((moved - (moved - weights) - weights).abs().max()) < 1e-6


def test_a_proxy_that_does_not_move_perturbs_nothing() -> None:
    weights = initial_weights(NETWORK, 0)
    assert torch.equal(scaled_perturbation(weights, weights, NETWORK), torch.zeros_like(weights))


def test_steps_are_those_of_the_published_algorithms() -> None:
    spec = small("rsiren_b", iterations=8)
    assert spec.fit is not None
    problem = FitProblem(sky(), spec, seed=4)
    theta = problem.weights.detach().clone().requires_grad_()
    proxy = theta.detach().clone().requires_grad_()
    main, other = torch.optim.Adam([theta], spec.fit.lr), torch.optim.Adam([proxy], spec.fit.proxy_lr)
    target, normaliser = torch.from_numpy(sky()), problem.normaliser

    def loss(weights: Tensor) -> Tensor:
        f = plain(weights, spec.network, HEIGHT, WIDTH)
        log = (f - normaliser.normalise(target)).square().mean()
        return log + 10 * ((normaliser.radiance(f) - target) / target.max()).square().mean()

    from rerender.fitting.optimisers import Optimisers

    ours = Optimisers(problem.parameters())
    for iteration in range(8):
        factor = problem.schedule(iteration)
        for optimiser, lr in ((main, spec.fit.lr), (other, spec.fit.proxy_lr)):
            optimiser.param_groups[0]["lr"] = lr * factor
        # Algorithm 1
        with torch.no_grad():
            proxy.copy_(theta)
        other.zero_grad()
        (-loss(proxy)).backward()
        other.step()
        delta = {}
        for name, start in named(theta.detach(), spec.network).items():
            move = named(proxy.detach(), spec.network)[name] - start
            delta[name] = start.norm() / (move.norm() + 1e-20) * move * (start.ndim >= 2)
        step = spec.fit.gamma * flat(delta, spec.network)
        # Algorithm 2
        with torch.no_grad():
            theta.add_(step)
        main.zero_grad()
        loss(theta).backward()
        main.step()
        with torch.no_grad():
            theta.sub_(step)
        ours.zero_grad()
        problem.step(iteration, SeedStream(("x",)))
        ours.step(factor)
    moved = float((theta - initial_weights(spec.network, 4)).detach().abs().max())
    assert float((theta - problem.weights).detach().abs().max()) < 2e-3 * moved
