from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.envmaps.tiny import HEIGHT, WIDTH, sky

from rerender.core.seeds import SeedStream
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.noise import noisy_map, noisy_weights, weight_noise
from rerender.papers.envmaps.normalisation import Normaliser
from rerender.papers.envmaps.quality import FitQuality
from rerender.papers.envmaps.siren import initial_weights, named
from rerender.papers.envmaps.specs import NetworkSettings

NETWORK = NetworkSettings(width=24, hidden_layers=2)
SEEDS = SeedStream(("noise",))


def network_map() -> tuple[FittedMap, np.ndarray]:
    """Return a network and the map that it holds exactly: its own decoding, dim enough not to be clamped."""
    fitted = FittedMap(
        NETWORK,
        Normaliser.of(0.01 * sky()),
        initial_weights(NETWORK, 0),
        (HEIGHT, WIDTH),
        FitQuality(0, 0, 0, 0),
    )
    return fitted, fitted.decode()


def test_the_norm_per_layer_and_untouched_biases() -> None:
    weights = initial_weights(NETWORK, 0)
    noisy = noisy_weights(weights, NETWORK, 0.03, 7)
    for name, change in named(noisy - weights, NETWORK).items():
        if name.endswith("bias"):
            assert not change.any()
        else:
            assert float(change.norm() / named(weights, NETWORK)[name].norm()) == pytest.approx(
                0.03, rel=1e-4
            )
    assert torch.equal(weights, initial_weights(NETWORK, 0))


def test_the_seed_decides_the_direction_and_the_level_its_length() -> None:
    weights = initial_weights(NETWORK, 0)
    small, large = (noisy_weights(weights, NETWORK, level, 7) - weights for level in (0.01, 0.1))
    torch.testing.assert_close(10 * small, large, rtol=1e-3, atol=1e-6)
    assert not torch.equal(large, noisy_weights(weights, NETWORK, 0.1, 8) - weights)


def test_noise_costs_quality_level_by_level() -> None:
    fitted, own = network_map()
    none, little, much = weight_noise(fitted, own, SEEDS, levels=(0, 0.01, 0.1), draws=4)
    assert none.mean["env/psnr"] == 100 and none.mean["env/ssim"] == pytest.approx(1)
    for name in ("env/ssim", "env/psnr"):
        assert none.mean[name] > little.mean[name] > much.mean[name]
    assert [len(one.draws) for one in (none, little, much)] == [1, 4, 4]


def test_the_mean_is_that_of_the_draws_and_a_draw_that_of_its_map() -> None:
    fitted, own = network_map()
    (found,) = weight_noise(fitted, own, SEEDS, levels=(0.03,), draws=3)
    drawn = [draw["env/ssim"] for draw in found.draws]
    assert found.mean["env/ssim"] == pytest.approx(np.mean(drawn))
    assert len(set(drawn)) == 3
    first = noisy_map(fitted, 0.03, SEEDS.seed(0))
    assert found.draws[0]["env/psnr"] == pytest.approx(FitQuality.of(first, own).psnr_srgb)
