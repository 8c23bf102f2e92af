"""Statistics within windows: the windows, moments by hand, energy by Parseval, and what they do not see."""

from __future__ import annotations

import numpy as np
import torch

from rerender.perception.models.pooled import PooledStatistics, window_matrix


def test_windows_share_out_every_pixel_and_average_what_they_hold() -> None:
    for size, count in ((16, 1), (64, 2), (48, 4)):
        matrix = window_matrix(size, count)
        np.testing.assert_allclose(matrix.sum(1), 1)
        shares = matrix * (size / count)
        np.testing.assert_allclose(shares.sum(0).mean(), 1)
        inner = slice(size // count, size - size // count)  # away from the borders, windows have one shape
        if count == 4:
            np.testing.assert_allclose((matrix / matrix.max(1, keepdims=True)).sum(0)[inner], 1, atol=1e-2)
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)


def test_one_window_is_the_whole_image(make_images) -> None:
    images = make_images(2, 32, 1, torch.float64)
    mean, deviation, _ = PooledStatistics(windows=1).features(images)
    torch.testing.assert_close(mean[..., 0, 0], images.mean((2, 3)))
    expected = (images.var((2, 3), correction=0) + 1e-6).sqrt()
    torch.testing.assert_close(deviation[..., 0, 0], expected)


def test_a_grating_excites_the_band_of_its_orientation_and_scale() -> None:
    place = torch.arange(32, dtype=torch.float64)
    stripes = (0.5 + 0.4 * torch.cos(np.pi / 2 * place)).expand(1, 3, 32, 32)  # a period of 4 pixels, along x
    magnitude = PooledStatistics().features(stripes)[2]
    assert magnitude.shape == (1, 3, 2 * 4, 2, 2)
    largest = magnitude[0, 0].mean((1, 2))
    assert int(largest.argmax()) == 0, "fine scale, waves along x"
    assert largest[0] > 3 * largest[2], "hardly anything in the orthogonal band"
    turned = PooledStatistics().features(stripes.mT.contiguous())[2][0, 0].mean((1, 2))
    assert int(turned.argmax()) == 2


def test_magnitudes_do_not_see_phase_but_pixels_do() -> None:
    place = torch.arange(32, dtype=torch.float64)
    waves = [
        (0.5 + 0.4 * torch.cos(np.pi / 2 * place + phase)).expand(1, 3, 32, 32) for phase in (0.0, np.pi / 2)
    ]
    model = PooledStatistics()
    first, second = (model.features(wave) for wave in waves)
    torch.testing.assert_close(first[2], second[2], rtol=2e-2, atol=1e-3)  # windows have ends
    assert (waves[0] - waves[1]).abs().mean() > 0.2
    assert model.similarity(first, second).item() > 0.999


def test_what_moves_within_a_window_costs_less_than_what_leaves_it() -> None:
    def spot(row: int, column: int) -> torch.Tensor:
        image = torch.full((1, 3, 64, 64), 0.3, dtype=torch.float64)
        image[..., row : row + 6, column : column + 6] = 0.9
        return image

    model = PooledStatistics()
    target = model.features(spot(8, 8))
    within, beyond = (model.loss(model.features(spot(*place)), target).item() for place in ((14, 8), (46, 8)))
    assert 20 * within < beyond
