"""The hand-written passes against modules' arithmetic under autograd, in double precision, and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rerender.papers.envmaps.siren import (
    SirenGrid,
    flat,
    initial_weights,
    named,
    weight_count,
    weight_shapes,
)
from rerender.papers.envmaps.specs import NetworkSettings

DOUBLE = torch.float64


def plain(weights: Tensor, settings: NetworkSettings, height: int, width: int) -> Tensor:
    """Return the outputs (H, W, 3) as one would first write them."""
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, dtype=weights.dtype),
        torch.linspace(-1, 1, width, dtype=weights.dtype),
        indexing="ij",
    )
    h = torch.stack([x, y], dim=-1)
    layers = list(named(weights, settings).values())
    for w, b in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        h = torch.sin(settings.w0 * (h @ w.T + b))
    out = h @ layers[-2].T + layers[-1]
    return torch.sigmoid(out) if settings.output == "sigmoid" else out


CASES = {
    "interpolated both ways": (NetworkSettings(width=6, hidden_layers=3, w0=5), 24, 96),
    "interpolated across": (NetworkSettings(width=6, hidden_layers=2, w0=20), 16, 96),
    "not interpolated": (NetworkSettings(width=6, hidden_layers=2, w0=30), 5, 20),
    "one hidden layer": (NetworkSettings(width=6, hidden_layers=1, w0=10), 8, 32),
    "stock": (NetworkSettings(width=6, hidden_layers=2, output="linear"), 8, 32),
    "one row": (NetworkSettings(width=6, hidden_layers=2), 1, 8),
}


def start(settings: NetworkSettings) -> Tensor:
    return initial_weights(settings, 3).to(DOUBLE)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("chunk", "block"), [(100, 40), (200, 100), (4096, None)])
def test_outputs_and_gradients_are_those_of_autograd(case: str, chunk: int, block: int | None) -> None:
    settings, height, width = CASES[case]
    weights = start(settings)
    grid = SirenGrid(settings, height, width, dtype=DOUBLE, chunk=chunk, block=block)
    probe = torch.from_numpy(np.random.default_rng(0).standard_normal((height, width, 3)))
    ours, theirs = weights.clone().requires_grad_(), weights.clone().requires_grad_()
    outputs, expected = grid.decode(ours), plain(theirs, settings, height, width)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-11)
    (outputs * probe).sum().backward()
    (expected * probe).sum().backward()
    assert ours.grad is not None and theirs.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-9)

    def local(rows: Tensor, first: int) -> tuple[Tensor, Tensor]:
        part = probe[first : first + len(rows)]
        return (rows * part).sum(), part

    gradient = torch.empty_like(weights)
    loss = grid.loss_and_gradient(weights, local, gradient)
    assert float(loss) == pytest.approx(float((expected * probe).sum().detach()), abs=1e-10)
    torch.testing.assert_close(gradient, theirs.grad, rtol=1e-9, atol=1e-9)


def test_both_axes_are_really_interpolated_in_the_first_case() -> None:
    settings, height, width = CASES["interpolated both ways"]
    front = SirenGrid(settings, height, width, dtype=DOUBLE)._begin(start(settings))
    assert front.across is not None and front.down is not None
    front = SirenGrid(*CASES["not interpolated"], dtype=DOUBLE)._begin(start(CASES["not interpolated"][0]))
    assert front.across is None and front.down is None


def test_finite_differences() -> None:
    settings, height, width = CASES["interpolated both ways"]
    weights, grid = start(settings), SirenGrid(settings, height, width, dtype=DOUBLE)
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(len(weights)))
    at = weights.clone().requires_grad_()
    (slope,) = torch.autograd.grad(grid.decode(at).square().sum(), at)
    step = 1e-6
    ends = [float(grid.decode(weights + s * step * direction).square().sum()) for s in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(slope @ direction), rel=1e-6)


def test_two_decodes_alive_at_once_keep_their_gradients() -> None:
    """They share buffers, so the first one's backward pass must notice that the second took them."""
    settings, height, width = CASES["interpolated across"]
    grid = SirenGrid(settings, height, width, dtype=DOUBLE)
    first, second = (initial_weights(settings, seed).to(DOUBLE).requires_grad_() for seed in (1, 2))
    losses = [grid.decode(weights).square().sum() for weights in (first, second)]
    for weights, loss in zip((first, second), losses, strict=True):
        (found,) = torch.autograd.grad(loss, weights)
        (expected,) = torch.autograd.grad(plain(weights, settings, height, width).square().sum(), weights)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_single_precision_stays_close() -> None:
    settings = NetworkSettings(width=32)
    weights = initial_weights(settings, 0)
    found = SirenGrid(settings, 16, 64).decode(weights)
    exact = plain(weights.double(), settings, 16, 64)
    assert float((found - exact).abs().max()) < 2e-5


def test_weights_by_name_are_views_and_flatten_back() -> None:
    settings = NetworkSettings(width=5, hidden_layers=2)
    assert list(weight_shapes(settings).values()) == [(5, 2), (5,), (5, 5), (5,), (5, 5), (5,), (3, 5), (3,)]
    weights = initial_weights(settings, 0)
    assert weights.shape == (weight_count(settings),)
    assert torch.equal(flat(named(weights, settings), settings), weights)
    named(weights, settings)["layer1.bias"].fill_(7)
    assert (weights == 7).sum() == 5
    with pytest.raises(ValueError, match="not those of the network"):
        flat(named(weights, settings), NetworkSettings(width=6, hidden_layers=2))


def test_the_start_is_seeded_and_within_its_bounds() -> None:
    settings = NetworkSettings(width=64, w0=20)
    weights = initial_weights(settings, 5)
    assert torch.equal(weights, initial_weights(settings, 5))
    assert not torch.equal(weights, initial_weights(settings, 6))
    layers = named(weights, settings)
    bounds = {"layer0.weight": 0.5, "layer0.bias": math.sqrt(1 / 2)}
    for name, layer in layers.items():
        bound = bounds.get(name, math.sqrt(6 / 64) / 20 if layer.ndim == 2 else 1 / 8)
        top = float(layer.abs().max())
        assert top <= bound
        if layer.numel() > 60:
            assert top > 0.9 * bound
