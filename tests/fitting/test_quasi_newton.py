from __future__ import annotations

import math

import pytest
import torch

from rerender.fitting.quasi_newton import finish


def rosenbrock(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return ((1 - x) ** 2 + 100 * (y - x * x) ** 2).sum()


def test_it_finds_the_minimum_of_a_curved_valley_however_small_the_loss() -> None:
    x, y = (torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (-1.0, 1.5))
    found = finish(lambda: 1e-9 * rosenbrock(x, y), {"x": x, "y": y}, iterations=60, evaluations=200)
    assert float(x.detach()) == pytest.approx(1.0, abs=1e-6) and float(y.detach()) == pytest.approx(
        1.0, abs=1e-6
    )
    assert found.loss == min(found.losses) < 1e-20
    assert found.evaluations <= 200


def test_the_best_parameters_stay_and_losses_that_are_no_number_are_stepped_back_from() -> None:
    x = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        return torch.where(x > 1.0, (x - 1.5) ** 2, torch.full_like(x, math.nan)).sum()

    found = finish(loss, {"x": x}, iterations=20)
    assert float(x.detach()) == pytest.approx(1.5, abs=1e-3)
    assert float(loss().detach()) == found.loss


def test_it_never_moves_farther_than_its_reach() -> None:
    x = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    seen = []

    def loss() -> torch.Tensor:
        seen.append(float(x.detach()))
        return ((x - 5.0) ** 2).sum()

    found = finish(loss, {"x": x}, iterations=20, evaluations=7, reach=0.5)
    assert found.evaluations <= 7
    assert max(map(abs, seen)) <= 0.5 + 1e-12
    assert float(x.detach()) == pytest.approx(0.5)
