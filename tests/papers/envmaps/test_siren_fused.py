"""All layers in one kernel: on a CPU too, where these tests run it, it gives what the torch passes give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.envmaps.test_siren import DOUBLE, plain, start
from tests.papers.envmaps.tiny import sky, small

from rerender.core.errors import UserError
from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.fit import FitProblem
from rerender.papers.envmaps.siren import SirenGrid
from rerender.papers.envmaps.siren_kernels import texels_of_block
from rerender.papers.envmaps.siren_points import SirenPoints
from rerender.papers.envmaps.specs import NetworkSettings

HEIGHT, WIDTH = 6, 22  # 132 texels: no multiple of a block's 64
SETTINGS = NetworkSettings(width=32, hidden_layers=3)


def test_outputs_and_gradients_are_those_of_autograd_and_finite_differences() -> None:
    weights = start(SETTINGS).requires_grad_()
    grid = SirenGrid(SETTINGS, HEIGHT, WIDTH, dtype=DOUBLE, chunk=88, block=66, kernels="fused")
    probe = torch.from_numpy(np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 3)))
    expected = plain(weights, SETTINGS, HEIGHT, WIDTH)
    (slope,) = torch.autograd.grad((expected.square() * probe).sum(), weights)
    decoded = grid.decode(weights)
    torch.testing.assert_close(decoded, expected, rtol=0, atol=1e-12)
    (found,) = torch.autograd.grad((decoded.square() * probe).sum(), weights)
    torch.testing.assert_close(found, slope, rtol=1e-9, atol=1e-9)

    def local(outputs: torch.Tensor, first: int) -> tuple[torch.Tensor, torch.Tensor]:
        part = probe[first : first + len(outputs)]
        return (outputs.square() * part).sum(), 2 * outputs * part

    gradient = torch.full_like(slope, 7.0)
    value = grid.loss_and_gradient(weights, local, gradient)
    torch.testing.assert_close(gradient, slope, rtol=1e-9, atol=1e-9)
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(len(slope)))
    with torch.no_grad():
        ahead = grid.loss_and_gradient(weights + 1e-7 * direction, local, torch.empty_like(slope))
    assert float(ahead - value) / 1e-7 == pytest.approx(float(gradient @ direction), rel=1e-4)


def test_scattered_points_are_those_of_the_torch_passes() -> None:
    weights, points = start(SETTINGS), torch.rand(2, 50, dtype=DOUBLE, generator=torch.manual_seed(0)) * 2 - 1
    found = []
    for kernels in ("torch", "fused"):
        network = SirenPoints(SETTINGS, dtype=DOUBLE, block=30, kernels=kernels)  # type: ignore[arg-type]
        gradient = torch.empty_like(weights)
        loss = network.loss_and_gradient(weights, points, lambda f, _: (f.square().sum(), 2 * f), gradient)
        found.append((loss, gradient))
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-10)


def test_a_fit_in_single_precision_makes_the_same_step_to_rounding() -> None:
    gradients = {}
    for kernels in ("torch", "auto", "fused"):
        spec = small("rsiren_a").changed(network={"width": 32, "hidden_layers": 1}, fit={"kernels": kernels})
        problem = FitProblem(sky(), spec, seed=1)
        problem.step(0, SeedStream(("fused",)))
        assert problem.weights.grad is not None
        gradients[kernels] = problem.weights.grad
    assert torch.equal(gradients["auto"], gradients["torch"])  # no CUDA device here
    scale = float(gradients["torch"].abs().max())
    torch.testing.assert_close(gradients["fused"], gradients["torch"], rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize(("width", "texels"), [(64, 64), (128, 64), (256, 32), (512, 8)])
def test_blocks_fit_into_shared_memory(width: int, texels: int) -> None:
    assert texels_of_block(width) == texels


@pytest.mark.parametrize("width", [40, 1024])
def test_other_widths_are_refused(width: int) -> None:
    with pytest.raises(UserError, match=f"width {width}.*multiple of 16"):
        texels_of_block(width)
