from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rerender.papers.materials.losses import LOSSES, mixed, unevenness


def by_hand(name: str, x: float, y: float) -> float:
    def tone(value: float) -> float:
        z = math.log(1.0 + value)
        return 12.92 * z if z < 0.0031308 else 1.055 * z ** (1 / 2.4) - 0.055

    return {
        "mse": (x - y) ** 2,
        "relmse": (x - y) ** 2 / (x * x + y * y + 0.1),
        "smape": abs(x - y) / (abs(x) + abs(y) + 0.01),
        "logl1": abs(tone(x) - tone(y)),
        "logl2": (tone(x) - tone(y)) ** 2,
    }[name]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_follow_their_formulas(name: str) -> None:
    pairs = np.array([[0.0, 0.001], [0.2, 0.7], [3.0, 2.0], [40.0, 0.0]])
    found = LOSSES[name](*torch.tensor(pairs.T)).numpy()
    np.testing.assert_allclose(found, [by_hand(name, *pair) for pair in pairs], rtol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    rng = np.random.default_rng(1)
    image = torch.tensor(rng.uniform(0.01, 3.0, (5, 3)), requires_grad=True)
    target = torch.tensor(rng.uniform(0.01, 3.0, (5, 3)))
    assert torch.autograd.gradcheck(lambda x: mixed({name: 0.7}, x, target, 20), (image,))


def test_gradients_are_finite_at_black() -> None:
    image = torch.zeros(4, 3, requires_grad=True)
    mixed(dict.fromkeys(LOSSES, 1.0), image, torch.rand(4, 3), 4).backward()
    assert torch.isfinite(image.grad).all()  # type: ignore[arg-type]


def test_background_counts_in_the_mean() -> None:
    image, target = torch.full((10, 3), 0.5), torch.zeros(10, 3)
    assert float(mixed({"mse": 2.0}, image, target, 40)) == pytest.approx(2.0 * 0.25 * 10 / 40)


def test_radiance_is_clamped_to_half_precision() -> None:
    image = torch.tensor([[1e9, 0.0, 0.0]])
    assert float(mixed({"mse": 1.0}, image, torch.full((1, 3), 65535.0), 1)) == pytest.approx(
        2 * 65535.0**2 / 3
    )


def test_unevenness_is_a_mean_over_pixels_of_a_third_of_the_sum() -> None:
    values, neighbours = torch.zeros(2, 3), torch.tensor([[0.3, -0.3, 0.0], [0.0, 0.0, 0.6]])
    assert float(unevenness(values, neighbours, 8)) == pytest.approx(1.2 / 3 / 8)
