from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.papers.envmaps.tiny import HEIGHT, WIDTH, sky, small

from rerender.core.errors import UserError
from rerender.papers.envmaps.embedding import make_embedding
from rerender.papers.envmaps.fit import FittedMap
from rerender.papers.envmaps.normalisation import Normaliser
from rerender.papers.envmaps.quality import FitQuality
from rerender.papers.envmaps.siren import initial_weights


def unfitted(height: int = HEIGHT, width: int = WIDTH) -> FittedMap:
    """A network as it starts: an inversion may begin anywhere."""
    network = small("siren").network
    weights = initial_weights(network, 0)
    return FittedMap(network, Normaliser.of(sky()), weights, (height, width), FitQuality(0, 0, 0, 0))


@pytest.mark.parametrize("name", ["pixels", "logpix"])
def test_texels_start_as_the_initial_map(name: str) -> None:
    image = sky()
    image[0, 0] = 0.0
    found = make_embedding(small(name), image).decode().detach().numpy()
    np.testing.assert_allclose(found, image, rtol=1e-5)
    assert (found[0, 0] == 0).all()


def test_a_network_starts_as_it_was_fitted_and_is_not_changed() -> None:
    fitted = unfitted()
    embedding = make_embedding(small("siren"), sky(), fitted)
    assert np.array_equal(embedding.decode().detach().numpy(), fitted.decode())
    with torch.no_grad():
        embedding.tensor.zero_()
    assert fitted.weights.any()


def test_pixels_do_not_share_memory_with_the_map() -> None:
    image = sky()
    embedding = make_embedding(small("pixels"), image)
    with torch.no_grad():
        embedding.tensor.zero_()
    assert np.array_equal(image, sky())


@pytest.mark.parametrize("name", ["pixels", "logpix", "siren", "siren_stock"])
def test_finite_differences(name: str) -> None:
    embedding = make_embedding(small(name), sky(), unfitted(), dtype=torch.float64)
    (slope,) = torch.autograd.grad(embedding.decode().square().sum(), embedding.tensor)
    rng = np.random.default_rng(0)
    direction = torch.from_numpy(rng.standard_normal(slope.shape))
    start, step, ends = embedding.tensor.detach().clone(), 1e-7, []
    for sign in (1, -1):
        with torch.no_grad():
            embedding.tensor.copy_(start + sign * step * direction)
            ends.append(float(embedding.decode().square().sum()))
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float((slope * direction).sum()), rel=1e-5)


def test_log_texels_move_as_the_papers_exponential() -> None:
    """One step in z is that step in x = ln(E + eps); and black can get brighter again."""
    embedding = make_embedding(small("logpix"), sky())
    with torch.no_grad():
        embedding.tensor.add_(0.25)
    np.testing.assert_allclose(
        np.log(embedding.decode().detach().numpy() + 1e-3), np.log(sky() + 1e-3) + 0.25, rtol=0, atol=1e-5
    )
    with torch.no_grad():
        embedding.tensor.zero_()
    (slope,) = torch.autograd.grad(embedding.decode().sum(), embedding.tensor)
    assert slope.numpy() == pytest.approx(1e-3)


def test_bounds() -> None:
    for name, low in (("pixels", 0.0), ("logpix", 0.0), ("siren", None)):
        parameter = make_embedding(small(name), sky(), unfitted()).parameter(0.1)
        assert (parameter.low, parameter.high, parameter.lr) == (low, None, 0.1)


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match="starts from a fitted network"):
        make_embedding(small("siren"), sky())
    with pytest.raises(UserError, match="fitted to a map of 64 x 16 texels, but the initial map has 32 x 8"):
        make_embedding(small("siren"), sky(), unfitted(16, 64))
    with pytest.raises(UserError, match="negative"):
        make_embedding(small("pixels"), -sky())
