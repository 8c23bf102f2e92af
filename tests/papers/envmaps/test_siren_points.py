from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.envmaps.test_siren import DOUBLE, plain, start
from torch import Tensor

from rerender.papers.envmaps.siren_points import SirenPoints
from rerender.papers.envmaps.specs import NetworkSettings

HEIGHT, WIDTH = 6, 24
SETTINGS = {
    "three": NetworkSettings(width=9, hidden_layers=3),
    "one": NetworkSettings(width=7, hidden_layers=1, w0=10),
    "stock": NetworkSettings(width=6, hidden_layers=2, output="linear"),
}


def texels(count: int) -> tuple[Tensor, Tensor]:
    """Return indices of some texels and their (x, y), shape (2, count)."""
    indices = torch.from_numpy(np.random.default_rng(3).permutation(HEIGHT * WIDTH)[:count])
    x, y = (torch.linspace(-1, 1, size, dtype=DOUBLE) for size in (WIDTH, HEIGHT))
    return indices, torch.stack([x[indices % WIDTH], y[indices // WIDTH]])


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("block", [13, None])
def test_loss_and_gradient_are_those_of_autograd(case: str, block: int | None) -> None:
    settings = SETTINGS[case]
    weights = start(settings).requires_grad_()
    indices, points = texels(50)
    probe = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 3)))
    expected = (plain(weights, settings, HEIGHT, WIDTH).reshape(-1, 3)[indices].square() * probe).sum()
    (slope,) = torch.autograd.grad(expected, weights)

    def local(outputs: Tensor, first: int) -> tuple[Tensor, Tensor]:
        part = probe[first : first + len(outputs)]
        return (outputs.square() * part).sum(), 2 * outputs * part

    gradient = torch.full_like(weights, 7.0).detach()
    network = SirenPoints(settings, dtype=DOUBLE, block=block)
    for _ in range(2):  # buffers of the first pass must not show in the second
        loss = network.loss_and_gradient(weights, points, local, gradient)
        assert float(loss) == pytest.approx(float(expected.detach()), abs=1e-10)
        torch.testing.assert_close(gradient, slope, rtol=1e-9, atol=1e-9)
