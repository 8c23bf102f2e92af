"""DISTS: pooling and similarities against plain transcriptions of their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.perception.networks.dists import (
    STAGE_CHANNELS,
    DistsWeights,
    dissimilarities,
    l2_pool,
    l2_pooled_taps,
)
from rerender.perception.networks.vgg import TAP_CHANNELS, Vgg16


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [(8, 6), (7, 9)])
def test_pooling_by_loops(size) -> None:
    x = random(1, 2, *size).numpy()
    window = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]) / 4
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = (-(-side // 2) for side in size)
    expected = np.zeros((1, 2, rows, columns))
    for row in range(rows):
        for column in range(columns):
            patch = padded[..., 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected[..., row, column] = np.sqrt((patch**2 * window).sum((-2, -1)) + 1e-12)
    np.testing.assert_allclose(l2_pool(torch.as_tensor(x)).numpy(), expected, rtol=1e-12)


def test_replicated_borders_keep_a_constant() -> None:
    x = torch.full((1, 1, 6, 6), 0.5, dtype=torch.float64)
    torch.testing.assert_close(l2_pool(x, "replicate"), torch.full((1, 1, 3, 3), 0.5, dtype=torch.float64))
    assert l2_pool(x)[0, 0, 0, 0] < 0.4


def test_pooling_has_a_slope_at_zero() -> None:
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    l2_pool(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(1, 1, 4, 4))


def test_similarities_by_their_definition() -> None:
    x, y = random(2, 5, 6, 4).numpy(), random(2, 5, 6, 4, seed=1).numpy()
    texture, structure = dissimilarities(torch.as_tensor(x), torch.as_tensor(y))
    for image in range(2):
        for channel in range(5):
            a, b = x[image, channel].ravel(), y[image, channel].ravel()
            c = 1e-6
            means = (2 * a.mean() * b.mean() + c) / (a.mean() ** 2 + b.mean() ** 2 + c)
            covariance = (2 * (np.mean(a * b) - a.mean() * b.mean()) + c) / (a.var() + b.var() + c)
            assert 1 - float(texture[image, channel]) == pytest.approx(means, abs=1e-12)
            assert 1 - float(structure[image, channel]) == pytest.approx(covariance, abs=1e-12)


def test_alike_stages_lose_no_digits_in_single_precision() -> None:
    x = 100 + random(1, 1, 16, 16)
    y = x + 1e-3 * random(1, 1, 16, 16, seed=1)
    exact = dissimilarities(x, y)
    single = dissimilarities(x.float(), y.float())
    torch.testing.assert_close(single[1].double(), exact[1], rtol=0.05, atol=0)


def test_weights_count_as_one_and_each_weighs_its_own_channel() -> None:
    weights = DistsWeights(3).double()
    first = (random(1, 2, 4, 4), random(1, 1, 2, 2, seed=1))
    second = (first[0].clone(), random(1, 1, 2, 2, seed=2))
    texture, structure = dissimilarities(first[1], second[1])
    with torch.no_grad():
        weights.alpha.copy_(torch.tensor([5.0, 1, 2]).view(1, 3, 1, 1))
        weights.beta.copy_(torch.tensor([4.0, 0, 8]).view(1, 3, 1, 1))
        distance = weights(first, second)
    torch.testing.assert_close(distance, (2 * texture + 8 * structure)[:, 0] / 20)


def test_the_published_shapes() -> None:
    with torch.device("meta"):
        state = DistsWeights().state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == {
        "alpha": (1, 1475, 1, 1),
        "beta": (1, 1475, 1, 1),
    }
    assert sum(STAGE_CHANNELS) == 1475


def test_taps_follow_l2_pooling(randomise) -> None:
    trunk = randomise(Vgg16(), 2).eval()
    images = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        taps, maxima = l2_pooled_taps(trunk, images), trunk(images)
    assert tuple(tap.shape[1] for tap in taps) == TAP_CHANNELS
    assert [tap.shape[2:] for tap in taps] == [tap.shape[2:] for tap in maxima]
    torch.testing.assert_close(taps[0], maxima[0])
    # the second tap by hand: pool the first, then two convolutions with their ReLUs
    x = l2_pool(taps[0])
    with torch.no_grad():
        for index in (5, 7):
            x = trunk.features[index](x).relu()
    torch.testing.assert_close(taps[1], x)
    assert not torch.allclose(taps[1], maxima[1])
