"""The stand-ins for DISTS and LPIPS: kernels, rankings, invariances and closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rerender.core.errors import UserError
from rerender.perception.models import filterbank
from rerender.perception.models.base import VisionModel, load_model
from rerender.perception.models.separable import gaussian_pair

PROXIES = ("dists_proxy", "lpips_proxy")


def distance(model: VisionModel, first: Tensor, second: Tensor) -> Tensor:
    return model.loss(model.features(first), model.features(second))


@pytest.fixture(params=PROXIES)
def model(request: pytest.FixtureRequest) -> VisionModel:
    return load_model(request.param)


def test_kernels_are_zero_mean_unit_and_alternate_in_symmetry() -> None:
    kernels = filterbank.gabor_kernels()
    assert kernels.shape == (8, 7, 7)
    np.testing.assert_allclose(kernels.sum((1, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(np.clip(kernels, 0, None).sum((1, 2)), 1)
    turned = kernels[:, ::-1, ::-1]
    np.testing.assert_allclose(turned[::2], kernels[::2], atol=1e-14)
    np.testing.assert_allclose(turned[1::2], -kernels[1::2], atol=1e-14)
    # the third orientation is the first one turned by 90 degrees
    np.testing.assert_allclose(kernels[4], kernels[0].T, atol=1e-14)
    assert len({kernel.round(6).tobytes() for kernel in kernels}) == 8


def test_each_orientation_answers_to_its_own_grating() -> None:
    position = torch.arange(32, dtype=torch.float64)
    y, x = torch.meshgrid(position, position, indexing="ij")
    for number in range(4):
        angle = math.pi * number / 4
        wave = torch.cos(2 * math.pi / filterbank.WAVELENGTH * (x * math.cos(angle) + y * math.sin(angle)))
        grating = (0.5 + 0.4 * wave).expand(1, 3, 32, 32)
        answers = filterbank.responses(grating)[0, :24].reshape(3, 4, 2, 32, 32)
        energy = answers[0, :, :, 8:24, 8:24].square().mean((1, 2, 3))
        assert int(energy.argmax()) == number
        assert energy[number] > 3 * energy.sort().values[-2]


def test_responses_are_the_rectified_correlations() -> None:
    images = torch.rand(1, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = filterbank.responses(images)[0].numpy()
    padded = np.pad(images[0].numpy(), ((0, 0), (3, 3), (3, 3)), mode="edge")
    for colour, number, row, column in ((0, 0, 0, 0), (1, 3, 7, 9), (2, 7, 15, 4)):
        patch = padded[colour, row : row + 7, column : column + 7]
        linear = (patch * filterbank.gabor_kernels()[number]).sum()
        assert found[8 * colour + number, row, column] == pytest.approx(max(linear, 0), abs=1e-12)
        assert found[24 + 8 * colour + number, row, column] == pytest.approx(max(-linear, 0), abs=1e-12)


def test_stages_halve_and_flat_images_leave_filters_silent() -> None:
    flat = torch.full((1, 3, 32, 48), 0.4, dtype=torch.float64)
    image, *octaves = filterbank.stages(flat, "x")
    assert image is flat
    assert [tuple(octave.shape[1:]) for octave in octaves] == [(48, 32, 48), (48, 16, 24), (48, 8, 12)]
    assert all(float(octave.abs().max()) < 1e-12 for octave in octaves)


def test_identical_images_are_at_zero(model, images) -> None:
    assert torch.all(distance(model, images, images.clone()) == 0)


def test_more_noise_costs_more(model, make_images) -> None:
    images = make_images(2, 48, 5)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    losses = [
        distance(model, (images + sd * noise).clamp(0, 1), images) for sd in (0.005, 0.02, 0.05, 0.1, 0.2)
    ]
    for less, more in itertools.pairwise(losses):
        assert torch.all(less < more)


def test_more_blur_costs_more(model, make_images) -> None:
    images = make_images(2, 48, 5)
    losses = []
    for deviation in (0.5, 1.0, 2.0, 4.0):
        rows, columns = gaussian_pair(deviation, 21, (48, 48), "reflect", images.dtype, images.device)
        losses.append(distance(model, rows @ images @ columns.mT, images))
    for less, more in itertools.pairwise(losses):
        assert torch.all(less < more)


def test_symmetries(model, make_images) -> None:
    # An odd size, so that a flip keeps the pixels that pooling samples.
    images, others = make_images(2, 33, 1), make_images(2, 33, 2)
    plain = distance(model, images, others)
    torch.testing.assert_close(distance(model, others, images), plain)
    for change in (
        lambda x: x.flip(3),
        lambda x: x.mT,
        lambda x: x[:, [2, 0, 1]],
    ):
        torch.testing.assert_close(
            distance(model, change(images), change(others)), plain, rtol=1e-4, atol=1e-6
        )


def test_flipping_one_image_only_is_seen(model, images) -> None:
    assert torch.all(distance(model, images.flip(3), images) > 0.01)


def test_two_flat_images_differ_by_their_means_only() -> None:
    # Filters are silent, so l and s are 1 there; of 147 channels three have l below 1, each with weight 1/294.
    a, b = torch.full((1, 3, 16, 16), 0.6).double(), torch.full((1, 3, 16, 16), 0.3).double()
    similarity = (2 * 0.6 * 0.3 + 1e-6) / (0.36 + 0.09 + 1e-6)
    expected = 3 * (1 - similarity) / (2 * 147)
    assert distance(load_model("dists_proxy"), a, b).item() == pytest.approx(expected, rel=1e-6)


def test_two_flat_images_differ_by_their_normalised_colours_only() -> None:
    a, b = torch.full((1, 3, 16, 16), 0.6).double(), torch.full((1, 3, 16, 16), 0.3).double()
    lengths = [value / math.sqrt(3 * value**2 + 0.1**2) for value in (0.6, 0.3)]
    expected = 3 * (lengths[0] - lengths[1]) ** 2 / 4
    assert distance(load_model("lpips_proxy"), a, b).item() == pytest.approx(expected, rel=1e-6)


def test_texture_counts_less_than_for_pixels(make_images) -> None:
    # DISTS's point: the same texture in another place is nearer than its absence. Pixel errors say the reverse.
    generator = torch.Generator().manual_seed(0)
    first, second = (0.5 + 0.1 * torch.randn(2, 1, 3, 64, 64, generator=generator)).clamp(0, 1)
    flat = torch.full_like(first, 0.5)
    assert F.mse_loss(second, first) > F.mse_loss(flat, first)
    proxy = load_model("dists_proxy")
    assert distance(proxy, second, first) < distance(proxy, flat, first)


def test_a_batch_of_target_features_is_cached(model, images, others) -> None:
    with torch.no_grad():
        target = model.features(others)
    start = images.clone().requires_grad_()
    model.loss(model.features(start), target).sum().backward()
    assert start.grad is not None and torch.isfinite(start.grad).all()


@pytest.mark.parametrize("shape", [(16, 64), (17, 23)])
def test_gradient_of_wide_and_odd_images(model, directional_error, shape) -> None:
    generator = torch.Generator().manual_seed(3)
    images, others = torch.rand(2, 1, 3, *shape, generator=generator, dtype=torch.float64)
    assert directional_error(lambda x: distance(model, x, others).sum(), images, step=1e-8) < 1e-5


def test_tiny_images_are_refused(model) -> None:
    with pytest.raises(UserError, match=f"'{model.name}' needs images of at least 16 x 16"):
        model.features(torch.rand(1, 3, 15, 32))


def test_names_are_never_those_of_the_real_ones() -> None:
    assert [load_model(name).name for name in PROXIES] == list(PROXIES)
