from __future__ import annotations

import numpy as np
import torch

from rerender.core.images import tonemap
from rerender.rendering.tonemap import reinhard_srgb, srgb_encode, to_nchw


def test_known_values() -> None:
    radiance = torch.tensor([0.0, 1.0, 1e9, -3.0, 0.002])
    expected = [0.0, 1.055 * 0.5 ** (1 / 2.4) - 0.055, 1.0, 0.0, 12.92 * 0.002 / 1.002]
    assert torch.allclose(reinhard_srgb(radiance), torch.tensor(expected), atol=1e-5)


def test_agrees_with_the_numpy_curve() -> None:
    radiance = np.random.default_rng(0).uniform(0, 20, (4, 5, 3)).astype(np.float32)
    assert np.allclose(reinhard_srgb(torch.from_numpy(radiance)).numpy(), tonemap(radiance), atol=1e-6)


def test_gradient_against_finite_differences() -> None:
    radiance = torch.tensor([1e-4, 0.003, 0.01, 0.5, 3.0, 40.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(reinhard_srgb, (radiance,), eps=1e-7, atol=1e-5)


def test_gradient_is_finite_at_zero() -> None:
    radiance = torch.zeros(3, requires_grad=True)
    srgb_encode(radiance).sum().backward()
    assert radiance.grad is not None and torch.isfinite(radiance.grad).all()


def test_red_stays_in_the_first_channel() -> None:
    red = torch.zeros(1, 4, 5, 3)
    red[..., 0] = 1.0
    assert to_nchw(red).mean((0, 2, 3)).tolist() == [1.0, 0.0, 0.0]
