"""Test images, and weight files of the published shapes with generated numbers.

Generated weights check the machinery; nothing that they compute is ever a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rerender.perception.models.base import VisionModel, load_model
from rerender.perception.networks.dists import DistsWeights
from rerender.perception.networks.lpips import LpipsHeads
from rerender.perception.networks.resnet import ResNet50
from rerender.perception.networks.vgg import TAP_CHANNELS, Vgg16, Vgg19Start


def make_images(n: int = 2, size: int = 32, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Coloured discs on a shaded ground with a little texture: (N, 3, size, size) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    axis = torch.linspace(-1, 1, size, dtype=torch.float64)
    y, x = axis[:, None], axis[None, :]
    images = 0.3 + 0.2 * uniform(n, 3, 1, 1) + 0.1 * y * uniform(n, 3, 1, 1)
    for _ in range(3):
        centre, radius = 1.2 * uniform(2, n, 1, 1, 1) - 0.6, 0.2 + 0.3 * uniform(n, 1, 1, 1)
        disc = torch.sigmoid(12 * (radius - torch.hypot(y - centre[0], x - centre[1])))
        images = images * (1 - disc) + uniform(n, 3, 1, 1) * disc
    return (images + 0.05 * uniform(n, 3, size, size)).clamp(0, 1).to(dtype)


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """Fill a module with numbers that keep activations near one, batch statistics included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim >= 2:
                tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
            elif name.endswith(("bias", "mean")):
                tensor.copy_(0.1 * noise)
            else:
                tensor.copy_(1 + 0.2 * noise.clamp(-3, 3))
    return module


@pytest.fixture
def images() -> Tensor:
    return make_images(seed=1)


@pytest.fixture
def others() -> Tensor:
    return make_images(seed=2)


@pytest.fixture(scope="session")
def weight_files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Files with the names and shapes of the published ResNet-50, VGG-16, LPIPS and DISTS weights."""
    folder = tmp_path_factory.mktemp("weights")
    heads = {
        name: weight.abs() for name, weight in randomise(LpipsHeads(TAP_CHANNELS), 3).state_dict().items()
    }
    states = {
        "resnet50_v1": randomise(ResNet50(), 1).state_dict(),
        "vgg16_v1": {**randomise(Vgg16(), 2).state_dict(), "classifier.0.weight": torch.zeros(2, 2)},
        "vgg19_v1": {
            **randomise(Vgg19Start(), 5).state_dict(),
            "features.10.weight": torch.zeros(2, 2),
            "classifier.0.weight": torch.zeros(2, 2),
        },
        "lpips_vgg": heads,
        "dists_alpha_beta": {
            name: weight.abs() for name, weight in randomise(DistsWeights(), 4).state_dict().items()
        },
    }
    files = {asset: folder / f"{asset}.pth" for asset in states}
    for asset, state in states.items():
        torch.save(state, files[asset])
    return files


@pytest.fixture(scope="session")
def build(weight_files: Mapping[str, Path]) -> Callable[..., VisionModel]:
    """Build a model by id; networks get the generated weights."""

    def builder(model_id: str, dtype: torch.dtype = torch.float32) -> VisionModel:
        return load_model(model_id, weights=weight_files, dtype=dtype)

    return builder


def directional_error(f: Callable[[Tensor], Tensor], x: Tensor, seed: int = 0, step: float = 1e-6) -> float:
    """Relative difference between f's gradient along a random direction and its central difference."""
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(x), x)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
    with torch.no_grad():
        numeric = (f(x + step * direction) - f(x - step * direction)) / (2 * step)
    analytic = (gradient * direction).sum()
    return float((numeric - analytic).abs() / (numeric.abs() + analytic.abs() + 1e-12))


# Helpers as fixtures: with importlib mode, tests cannot import this module by name.
@pytest.fixture(name="make_images")
def _make_images() -> Callable[..., Tensor]:
    return make_images


@pytest.fixture(name="randomise")
def _randomise() -> Callable[[nn.Module, int], nn.Module]:
    return randomise


@pytest.fixture(name="directional_error")
def _directional_error() -> Callable[..., float]:
    return directional_error
