"""Gradients of the loss by pixel: against finite differences, over rounds and views, and as bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rerender.papers.metamers.gradient_pictures import MIDDLE, decode, encode
from rerender.papers.metamers.objective import Objective
from rerender.papers.metamers.pixel_gradients import PixelGradients
from rerender.perception.models.base import load_model

SIZE = 16


def radiance(seed: int, count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, SIZE, SIZE, 3, generator=generator)


@pytest.mark.parametrize("model", ["mae", "frontend"])
def test_a_view_has_the_slope_of_its_own_loss_for_brightening_a_pixel(model: str) -> None:
    objective = Objective(load_model(model), radiance(1))
    display = objective.display(radiance(2)).double().float().requires_grad_()
    kept = PixelGradients((0, 2), SIZE)
    loss, _ = objective.compare(objective.features_of(display), range(3))
    loss.backward()
    kept.keep(display, range(3))
    assert kept.array().shape == (2, SIZE, SIZE)
    step = 1e-2
    for row, column in ((3, 5), (9, 9)):
        pair = []
        for sign in (1, -1):
            moved = display.detach().clone()[2:3]
            moved[0, row, column] += sign * step
            pair.append(float(objective.compare(objective.features_of(moved), [2])[0]))
        slope = (pair[0] - pair[1]) / (2 * step) * SIZE**2
        assert kept.array()[1, row, column] == pytest.approx(slope, rel=0.05, abs=2e-3)


def test_pixel_mae_lies_between_minus_one_and_one() -> None:
    objective = Objective(load_model("mae"), 0 * radiance(1))
    display = objective.display(radiance(2)).requires_grad_()
    objective.compare(objective.features_of(display), range(3))[0].backward()
    kept = PixelGradients((1,), SIZE)
    kept.keep(display, range(3))
    np.testing.assert_allclose(kept.array(), 1.0, rtol=1e-5)  # brighter than a black target everywhere


def test_two_renders_of_a_view_count_together_and_unseen_views_stay() -> None:
    kept = PixelGradients((0, 5), SIZE)
    display = torch.zeros(4, SIZE, SIZE, 3, requires_grad=True)  # two rounds of the views 5 and 6
    (display * torch.arange(1.0, 5.0)[:, None, None, None]).sum().backward()
    kept.keep(display, (5, 6))
    scale = 3 * 2 * SIZE**2  # channels, views of the mean, pixels
    np.testing.assert_allclose(kept.array()[1], (1 + 3) * scale)
    assert not kept.array()[0].any()
    other = PixelGradients((0, 5), SIZE)
    other.load(kept.array())
    np.testing.assert_array_equal(other.array(), kept.array())
    assert other.strip()[1] == kept.strip()[1] == pytest.approx(4 * scale)


def test_bytes_keep_signs_and_one_percent_of_the_scale() -> None:
    values = np.linspace(-3, 3, 101, dtype=np.float32).reshape(1, -1)
    picture, scale = encode(values)
    assert scale == 3 and picture.dtype == np.uint8
    assert np.abs(decode(picture, scale) - values).max() < 0.01 * scale
    assert decode(picture, scale)[0, 50] == 0
    blank, none = encode(np.zeros((4, 4), np.float32))
    assert none == 0 and (blank == MIDDLE).all()
    assert not decode(blank, none).any()
